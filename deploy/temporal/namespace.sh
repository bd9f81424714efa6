#!/bin/sh
# Makes our namespace, which keeps closed cycles for 90 days, and its search attributes. Can be run again.
set -eu

attempt=0
until temporal operator cluster health; do
  attempt=$((attempt + 1))
  if [ "$attempt" -ge 30 ]; then
    echo "Temporal did not become healthy" >&2
    exit 1
  fi
  sleep 2
done

temporal operator namespace describe --namespace "$TEMPORAL_NAMESPACE" ||
  temporal operator namespace create --namespace "$TEMPORAL_NAMESPACE" --retention 90d

present=$(temporal operator search-attribute list --namespace "$TEMPORAL_NAMESPACE")
for name in RatchetState RatchetStep RatchetBase; do
  case $present in
  *"$name"*) ;;
  *) temporal operator search-attribute create --namespace "$TEMPORAL_NAMESPACE" --name "$name" --type Keyword ;;
  esac
done
