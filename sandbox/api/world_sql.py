"""SQL of the sandbox's world, compiled from its models by `./dev sql`: do not edit it here."""

CREATE_FAULTS = (
    "\n"
    "CREATE TABLE IF NOT EXISTS faults (\n"
    "\tseq INTEGER NOT NULL, \n"
    "\tbody TEXT NOT NULL, \n"
    "\tPRIMARY KEY (seq)\n"
    ")\n"
    "\n"
)
CREATE_HELD = (
    "\n"
    "CREATE TABLE IF NOT EXISTS held (\n"
    "\tseq INTEGER NOT NULL, \n"
    "\tbody TEXT NOT NULL, \n"
    "\tPRIMARY KEY (seq)\n"
    ")\n"
    "\n"
)
CREATE_HISTORY = (
    "\n"
    "CREATE TABLE IF NOT EXISTS history (\n"
    "\tkind TEXT NOT NULL, \n"
    "\tnamespace TEXT NOT NULL, \n"
    "\tname TEXT NOT NULL, \n"
    "\tblock INTEGER NOT NULL, \n"
    "\tbody BLOB NOT NULL, \n"
    "\tPRIMARY KEY (kind, namespace, name, block)\n"
    ")\n"
    " WITHOUT ROWID\n"
    "\n"
)
CREATE_HISTORY_TAIL = (
    "\n"
    "CREATE TABLE IF NOT EXISTS history_tail (\n"
    "\tkind TEXT NOT NULL, \n"
    "\tnamespace TEXT NOT NULL, \n"
    "\tname TEXT NOT NULL, \n"
    "\tminute INTEGER NOT NULL, \n"
    "\tbody BLOB NOT NULL, \n"
    "\tPRIMARY KEY (kind, namespace, name, minute)\n"
    ")\n"
    " WITHOUT ROWID\n"
    "\n"
)
CREATE_META = (
    "\n"
    "CREATE TABLE IF NOT EXISTS meta (\n"
    '\t"key" TEXT NOT NULL, \n'
    "\tvalue TEXT NOT NULL, \n"
    '\tPRIMARY KEY ("key")\n'
    ")\n"
    " WITHOUT ROWID\n"
    "\n"
)
CREATE_OBJECTS = (
    "\n"
    "CREATE TABLE IF NOT EXISTS objects (\n"
    "\tkind TEXT NOT NULL, \n"
    "\tnamespace TEXT NOT NULL, \n"
    "\tname TEXT NOT NULL, \n"
    "\tdue_ms INTEGER, \n"
    "\tbody TEXT NOT NULL, \n"
    "\tPRIMARY KEY (kind, namespace, name)\n"
    ")\n"
    " WITHOUT ROWID\n"
    "\n"
)
CREATE_REQUESTS = (
    "\n"
    "CREATE TABLE IF NOT EXISTS requests (\n"
    "\tseq INTEGER NOT NULL, \n"
    "\tbody TEXT NOT NULL, \n"
    "\tPRIMARY KEY (seq)\n"
    ")\n"
    "\n"
)
CREATE_INDEX_DUE = "CREATE INDEX IF NOT EXISTS due ON objects (due_ms) WHERE due_ms IS NOT NULL"

TABLES = (
    CREATE_FAULTS,
    CREATE_HELD,
    CREATE_HISTORY,
    CREATE_HISTORY_TAIL,
    CREATE_META,
    CREATE_OBJECTS,
    CREATE_REQUESTS,
    CREATE_INDEX_DUE,
)
