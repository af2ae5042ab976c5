"""`./dev sql`: write the stores' compiled SQL again."""

from tests.sql.compiled import STORES

for store in STORES:
    store.path.write_text(store.source(), encoding="utf-8")
    print(f"{store.path} written")
