# Headquarters' page in English. Each message has its brother in ar.ftl; what is wrong and what to do
# is English in the document already.

title = Headquarters · Wasl
brand = Wasl
brand-says = enrollment synchronisation
headquarters = Headquarters
as-of-before = As of
switch = عرض الصفحة بالعربية
refreshes = This page shows what is so now, every 30 seconds anew. It changes nothing.

verdict = Verdict
ok = Well
warn = Attention
crit = Act now
unknown = Not known
info = Note
all-well = Nothing is wrong
warming-up = Headquarters has just started: what only time can tell is not told yet
and-more = { $worst } (and { $form ->
    [one] one more
   *[other] { $n } more
  })

todo = What to do
todo-nothing = Nothing. All is well.
code = Code
depends = follows from { $codes }

state = How headquarters stands
offices-connected = Offices
connected-of = { $n } of { $all } connected
records-total = Records
conflicts = Conflicts
conflicts-none = None
conflicts-see = `wasl-hq conflict list` shows their values side by side
held = Held entries
held-none = None
held-see = `wasl-hq held list` says what each waits for
held-reason = { $n } × `{ $reason }`
database = Database
database-free = { $size } free on its disk
version = Version
started = started { $ago }

rollout = Rollout
rollout-none = No edition has been pushed. Every office runs what is built in.
rollout-edition = Edition { $serial }
rollout-in-force = in force at { $n } of { $all } offices
rollout-since = this stage began { $ago }
stage-signed = Signed, not begun
stage-canary = At its first office
stage-soak = Watched at its first office
stage-wave = Wave { $n }
stage-complete = Complete
stage-paused = Paused
stage-aborted = Stopped
stage-superseded = Replaced by a newer one

offices = Offices
office = Office
freshness = State
records-short = Records
waiting = Waiting there
conflicts-short = Conflicts
held-short = Held
config = Configuration
fresh = Present
quiet = Quiet
late = Late
lost = Lost
never = Never came
revoked = Revoked
connected = connected, { $ms } ms
connected-plain = connected
seen = heard { $ago }
last-known = last known { $ago }
missed = { $hours } usual hours missed, late from { $late }
not-reported = not known
usually = usually heard
config-built-in = built in
config-edition = edition { $serial }
config-desired = is to get { $serial }
office-not-targeted = not its turn
office-pending-offline = waits for its link
office-offered = sent
office-probation = on trial
office-committed = in force
office-rejected = refused
office-rolled-back = rolled back
office-held = held by its operator
office-straggler = left behind

records = { $form ->
    [zero] no records
    [one] { $n } record
   *[other] { $n } records
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
