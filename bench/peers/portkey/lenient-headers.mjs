// Portkey 1.15 writes headers of its own onto those of a stream that came from fetch, which Node does not allow, and then
// answers 500 (Portkey-AI/gateway#1389). Without this it could not be measured with streams at all. What it costs is an
// exception for each of four headers, a few microseconds.
for (const name of ['append', 'delete', 'set']) {
  const original = Headers.prototype[name];
  Headers.prototype[name] = function lenient(...values) {
    try {
      return original.apply(this, values);
    } catch {
      return undefined;
    }
  };
}
