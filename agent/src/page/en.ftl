# The office's page in English. Each message has its brother in ar.ftl; what is wrong and what to do
# is English in the document already.

title = { $office } · Wasl
brand = Wasl
brand-says = enrollment synchronisation
as-of-before = As of
switch = عرض الصفحة بالعربية
refreshes = This page shows what is so now, every 30 seconds anew. It changes nothing.

verdict = Verdict
ok = Well
warn = Attention
crit = Act now
unknown = Not known
info = Note

all-at-hq = Headquarters has everything
all-at-hq-no-link = Headquarters has everything that was written here; no link now
syncing = Sending to headquarters: { $what } to go
waiting-no-link = No link now: { $what } wait here, safe on this disk
and-more = { $worst } (and { $form ->
    [one] one more
   *[other] { $n } more
  })

todo = What to do
todo-nothing = Nothing. All is well.
what-happened = What happened
code = Code
depends = follows from { $codes }

state = How the office stands
link = Link to headquarters
link-up = Connected
link-connecting = Connecting
link-backoff = Down, will try again
link-down = Down
link-refused = Refused by headquarters
link-paused = Paused by an operator
round-trip = round trip { $ms } ms
next-attempt = next attempt in { $span }
last-up = last connected { $ago }

backlog = Waiting for headquarters
backlog-none = Nothing waits
backlog-age = the oldest { $ago }
backlog-size = { $size } to send
backlog-done = done in { $span }
held = { $form ->
    [one] headquarters holds one entry back
   *[other] headquarters holds { $n } entries back
  }
refused-entries = { $form ->
    [one] headquarters has refused one entry
   *[other] headquarters has refused { $n } entries
  }

power = Switching off
power-safe = Safe: everything is on disk
power-unsafe = Not safe: the disk failed
intake-open = enrollments are taken
intake-closed = no enrollments are taken

conflicts = Conflicts
conflicts-none = None
conflicts-see = Two values for one thing: `wasl conflict list` shows them side by side
records-total = Records

config = Configuration
config-built-in = What is built in
config-edition = Edition { $serial }
config-desired = headquarters wants edition { $serial }
config-unknown = Not known
config-idle = nothing tried yet
config-held = held by an operator
config-fetched = a newer one has come
config-verified = a newer one was checked
config-staged = a newer one is staged
config-applying = a newer one is being put in force
config-probation = on trial
config-committed = in force
config-rejected = the last one was refused
config-rolled_back = the last one was rolled back
config-superseded = a newer one replaces it
config-unheld = taken again

disk = Room on the disk
disk-free = { $size } free
disk-full-in = full in { $span }
disk-steady = no end in sight
clock = Clock
clock-ok = Right
clock-off = Off
clock-unknown = Not compared yet
clock-ahead = { $span } ahead of headquarters
clock-behind = { $span } behind headquarters
version = Version

today = Enrolled today
today-none = Nobody has been enrolled today.
counts-unknown = The counts are not known at the moment.
workstation = Workstation
workstation-none = not named
workstation-others = others
enrolled = Enrolled
days = The last 30 days
days-text = { $total } in 30 days; most on { $day }: { $most }
days-none = Nobody has been enrolled in the last 30 days.
days-table = The same as a table
day = Day

records = { $form ->
    [zero] no records
    [one] { $n } record
   *[other] { $n } records
  }
enrollments = { $form ->
    [zero] no enrollments
    [one] { $n } enrollment
   *[other] { $n } enrollments
  }
entries = { $form ->
    [zero] no entries
    [one] { $n } entry
   *[other] { $n } entries
  }
conflict-records = { $form ->
    [zero] None
    [one] { $n } record in conflict
   *[other] { $n } records in conflict
  }

ago = { $span } ago
since = for { $span }
seconds = { $form ->
    [one] { $n } second
   *[other] { $n } seconds
  }
minutes = { $form ->
    [one] { $n } minute
   *[other] { $n } minutes
  }
hours = { $form ->
    [one] { $n } hour
   *[other] { $n } hours
  }
dates = { $form ->
    [one] { $n } day
   *[other] { $n } days
  }
