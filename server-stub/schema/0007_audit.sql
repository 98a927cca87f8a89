-- When what an office has of its scope was last compared with what headquarters has, and how many
-- records were sent again for it since it joined.
ALTER TABLE office ADD COLUMN audited_at BIGINT;
ALTER TABLE office ADD COLUMN audit_again BIGINT NOT NULL DEFAULT 0;
