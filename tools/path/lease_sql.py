"""SQL of the leases, compiled from its models by `./dev sql`: do not edit it here."""

CREATE_LEASE = (
    "\n"
    "CREATE TABLE IF NOT EXISTS lease (\n"
    '\t"key" TEXT NOT NULL, \n'
    "\ttoken INTEGER NOT NULL, \n"
    "\tholder TEXT, \n"
    "\tuntil_us INTEGER NOT NULL, \n"
    "\tboot TEXT NOT NULL, \n"
    '\tPRIMARY KEY ("key")\n'
    ")\n"
    " WITHOUT ROWID,\n"
    " STRICT\n"
    "\n"
)
TAKE = (
    'INSERT INTO lease ("key", token, holder, until_us, boot) VALUES (:name, (:floor + 1), :me, '
    ':until, :boot_id) ON CONFLICT ("key") DO UPDATE SET token = (max(lease.token, :floor) + 1), '
    "holder = :me, until_us = :until, boot = :boot_id WHERE lease.holder IS NULL OR lease.until_us < "
    ":now OR lease.boot != :boot_id RETURNING token"
)
RENEW = (
    'UPDATE lease SET until_us=:until WHERE lease."key" = :name AND lease.holder = :me AND '
    "lease.token = :held"
)
RELEASE = (
    'UPDATE lease SET holder=NULL WHERE lease."key" = :name AND lease.holder = :me AND lease.token = :held'
)

TABLES = (CREATE_LEASE,)
