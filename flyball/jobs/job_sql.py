"""SQL of jobs, compiled from its models by `./dev sql`: do not edit it here."""

CREATE_RUN = (
    "\n"
    "CREATE TABLE IF NOT EXISTS run (\n"
    "\tid TEXT NOT NULL, \n"
    "\tjob TEXT NOT NULL, \n"
    "\tpayload TEXT NOT NULL, \n"
    "\tdedupe TEXT, \n"
    "\tlock TEXT NOT NULL, \n"
    "\tslots INTEGER NOT NULL, \n"
    "\tschedule TEXT, \n"
    "\tdue_ms INTEGER, \n"
    "\tstate TEXT NOT NULL, \n"
    "\tattempt INTEGER NOT NULL, \n"
    "\tslot INTEGER NOT NULL, \n"
    "\ttoken INTEGER NOT NULL, \n"
    "\tcancel INTEGER NOT NULL, \n"
    "\tqueued_ms INTEGER NOT NULL, \n"
    "\tbegan_ms INTEGER, \n"
    "\tended_ms INTEGER, \n"
    "\twhy TEXT NOT NULL, \n"
    "\tPRIMARY KEY (id)\n"
    ")\n"
    " WITHOUT ROWID,\n"
    " STRICT\n"
    "\n"
)
CREATE_SCHEDULE = (
    "\n"
    "CREATE TABLE IF NOT EXISTS schedule (\n"
    "\tname TEXT NOT NULL, \n"
    "\tjob TEXT NOT NULL, \n"
    "\tpayload TEXT NOT NULL, \n"
    "\tcron TEXT NOT NULL, \n"
    "\tzone TEXT NOT NULL, \n"
    "\tmisfire TEXT NOT NULL, \n"
    "\twithin_ms INTEGER NOT NULL, \n"
    "\tlock TEXT, \n"
    "\tnext_ms INTEGER, \n"
    "\tlooked_ms INTEGER NOT NULL, \n"
    "\tPRIMARY KEY (name)\n"
    ")\n"
    " WITHOUT ROWID,\n"
    " STRICT\n"
    "\n"
)
CREATE_SLOT = (
    "\n"
    "CREATE TABLE IF NOT EXISTS slot (\n"
    "\tlock TEXT NOT NULL, \n"
    "\tn INTEGER NOT NULL, \n"
    "\ttoken INTEGER NOT NULL, \n"
    "\tholder TEXT, \n"
    "\tuntil_us INTEGER NOT NULL, \n"
    "\tboot TEXT NOT NULL, \n"
    "\tPRIMARY KEY (lock, n)\n"
    ")\n"
    " WITHOUT ROWID,\n"
    " STRICT\n"
    "\n"
)
CREATE_INDEX_RUN_DUE = (
    "CREATE UNIQUE INDEX IF NOT EXISTS run_due ON run (schedule, due_ms) WHERE schedule IS NOT NULL"
)
CREATE_INDEX_RUN_KEY = (
    "CREATE UNIQUE INDEX IF NOT EXISTS run_key ON run (dedupe) WHERE dedupe IS NOT NULL AND state IN "
    "('queued', 'running')"
)
CREATE_INDEX_RUN_STATE = "CREATE INDEX IF NOT EXISTS run_state ON run (state, queued_ms)"
SCHEDULES = (
    "SELECT schedule.name, schedule.job, schedule.payload, schedule.cron, schedule.zone, "
    "schedule.misfire, schedule.within_ms, schedule.lock, schedule.next_ms, schedule.looked_ms FROM "
    "schedule ORDER BY schedule.name"
)
PUT_SCHEDULE = (
    "INSERT INTO schedule (name, job, payload, cron, zone, misfire, within_ms, lock, next_ms, "
    "looked_ms) VALUES (:name_, :job_, :payload_, :cron_, :zone_, :misfire_, :within_ms_, :lock_, "
    ":next_ms_, :looked_ms_) ON CONFLICT (name) DO UPDATE SET job = :job_, payload = :payload_, cron "
    "= :cron_, zone = :zone_, misfire = :misfire_, within_ms = :within_ms_, lock = :lock_, next_ms = "
    ":next_ms_, looked_ms = :looked_ms_"
)
DROP_SCHEDULE = "DELETE FROM schedule WHERE schedule.name = :name"
MOVE_SCHEDULE = "UPDATE schedule SET next_ms=:next, looked_ms=:looked WHERE schedule.name = :schedule_name"
ADD_RUN = (
    "INSERT INTO run (id, job, payload, dedupe, lock, slots, schedule, due_ms, state, attempt, slot, "
    "token, cancel, queued_ms, began_ms, ended_ms, why) VALUES (:run_id, :job_, :payload_, :key_, "
    ":lock_, :slots_, :schedule_name, :due, 'queued', 0, 0, 0, 0, :at_ms, NULL, NULL, '') ON "
    "CONFLICT DO NOTHING"
)
RUN = (
    "SELECT run.id, run.job, run.payload, run.state, run.schedule, run.due_ms, run.attempt, "
    "run.token, run.queued_ms, run.began_ms, run.ended_ms, run.why, run.lock, run.slots FROM run "
    "WHERE run.id = :run_id"
)
RUN_OF_KEY = (
    "SELECT run.id, run.job, run.payload, run.state, run.schedule, run.due_ms, run.attempt, "
    "run.token, run.queued_ms, run.began_ms, run.ended_ms, run.why, run.lock, run.slots FROM run "
    "WHERE run.dedupe = :key_ AND run.state IN ('queued', 'running')"
)
RUNS = (
    "SELECT run.id, run.job, run.payload, run.state, run.schedule, run.due_ms, run.attempt, "
    "run.token, run.queued_ms, run.began_ms, run.ended_ms, run.why, run.lock, run.slots FROM run "
    "WHERE :of IS NULL OR run.schedule = :of ORDER BY coalesce(run.due_ms, run.queued_ms) DESC, "
    "run.id LIMIT :most OFFSET 0"
)
QUEUED = (
    "SELECT run.id, run.job, run.payload, run.state, run.schedule, run.due_ms, run.attempt, "
    "run.token, run.queued_ms, run.began_ms, run.ended_ms, run.why, run.lock, run.slots FROM run "
    "WHERE run.state = 'queued' ORDER BY coalesce(run.due_ms, run.queued_ms), run.id"
)
BEGIN_RUN = (
    "UPDATE run SET state='running', attempt=(run.attempt + 1), slot=:slot_n, token=:held, "
    "began_ms=:at_ms WHERE run.id = :run_id"
)
IS_CANCELLED = (
    "SELECT run.cancel FROM run WHERE run.id = :run_id AND run.token = :held AND run.state = 'running'"
)
END_RUN = (
    "UPDATE run SET state=:state_, ended_ms=:ended, why=:why_ WHERE run.id = :run_id AND run.token = "
    ":held AND run.state = 'running'"
)
CANCEL_QUEUED = (
    "UPDATE run SET state='cancelled', ended_ms=:at_ms WHERE run.id = :run_id AND run.state = 'queued'"
)
CANCEL_RUNNING = "UPDATE run SET cancel=1 WHERE run.id = :run_id AND run.state = 'running'"
LEFT = (
    "SELECT run.id, run.job, run.payload, run.state, run.schedule, run.due_ms, run.attempt, "
    "run.token, run.queued_ms, run.began_ms, run.ended_ms, run.why, run.lock, run.slots, run.cancel "
    "FROM run WHERE run.state = 'running' AND NOT (EXISTS (SELECT * FROM slot WHERE slot.lock = "
    "run.lock AND slot.n = run.slot AND slot.token = run.token AND slot.holder IS NOT NULL AND "
    "slot.until_us BETWEEN :now AND :far AND slot.boot = :boot_id))"
)
FORGET_RUNS = "DELETE FROM run WHERE run.ended_ms < :before"
FORGET_SLOTS = "DELETE FROM slot WHERE slot.lock LIKE 'run/%' AND slot.holder IS NULL"
TAKE = (
    "INSERT INTO slot (lock, n, token, holder, until_us, boot) VALUES (:lock_, :slot_n, (:floor + "
    "1), :me, :until, :boot_id) ON CONFLICT (lock, n) DO UPDATE SET token = (max(slot.token, :floor) "
    "+ 1), holder = :me, until_us = :until, boot = :boot_id WHERE slot.holder IS NULL OR "
    "slot.until_us < :now OR slot.until_us > :far OR slot.boot != :boot_id RETURNING token"
)
RENEW = "UPDATE slot SET until_us=:until WHERE slot.holder = :me"
RELEASE = "UPDATE slot SET holder=NULL WHERE slot.lock = :lock_ AND slot.n = :slot_n AND slot.token = :held"
HOLDERS = (
    "SELECT slot.n, slot.token, slot.holder FROM slot WHERE slot.lock = :lock_ AND slot.holder IS "
    "NOT NULL AND slot.until_us BETWEEN :now AND :far AND slot.boot = :boot_id ORDER BY slot.n"
)

TABLES = (
    CREATE_RUN,
    CREATE_SCHEDULE,
    CREATE_SLOT,
    CREATE_INDEX_RUN_DUE,
    CREATE_INDEX_RUN_KEY,
    CREATE_INDEX_RUN_STATE,
)
