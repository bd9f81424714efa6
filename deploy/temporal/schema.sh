#!/bin/sh
# Makes or updates both databases of Temporal. Can be run again.
set -eu

sql() {
  temporal-sql-tool --plugin postgres12 --ep temporal-db -u temporal -p 5432 "$@"
}

for name in temporal:temporal temporal_visibility:visibility; do
  database=${name%%:*}
  schema=/etc/temporal/schema/postgresql/v12/${name##*:}/versioned
  sql --db "$database" create
  # Only the first time: an existing schema is left for the update below.
  sql --db "$database" setup-schema -v 0.0 || echo "$database has a schema already"
  sql --db "$database" update-schema -d "$schema"
done
