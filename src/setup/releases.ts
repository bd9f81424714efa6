/** An official release file and the SHA-256 that it must have. */
export interface Release {
  version: string;
  url: string;
  sha256: string;
  /** Path of the executable in the archive. */
  entry: string;
  megabytes: number;
}

const temporalVersion = '1.5.1';
const temporalSums: Readonly<Record<string, string>> = {
  'linux-x64': 'ddc95e08b0b076efd4ea9733a3f488eb7d2be875f8834e616cd2a37358b4852d',
  'linux-arm64': 'bd1b0db9f18b051026de8bf6cc1505f2510f14bbb7a8b9a4a91fff46c77454f5',
  'darwin-arm64': 'cca01b7ea35ad56e2a328d9ae596bf716bd22313ef63c7a761c88354457c2415',
  'darwin-x64': 'bbb73e2a31135abe50a1f1cdb35030c42961df618e8ce9c60ae89f201540c5d9',
};

/** null where no published sum is known: then it is built, never downloaded unchecked. */
export function temporalRelease(platform = process.platform, arch = process.arch): Release | null {
  const sha256 = temporalSums[`${platform}-${arch}`];
  if (sha256 === undefined) return null;
  const file = `temporal_cli_${temporalVersion}_${platform}_${arch === 'x64' ? 'amd64' : arch}.tar.gz`;
  return {
    version: temporalVersion,
    url: `https://github.com/temporalio/cli/releases/download/v${temporalVersion}/${file}`,
    sha256,
    entry: 'temporal',
    megabytes: 60,
  };
}

/** Carries the CUDA libraries, which a build from source does not. */
export function ollamaRelease(platform = process.platform, arch = process.arch): Release | null {
  if (platform !== 'linux' || arch !== 'x64') return null;
  return {
    version: '0.17.7',
    url: 'https://github.com/ollama/ollama/releases/download/v0.17.7/ollama-linux-amd64.tar.zst',
    sha256: '51ca1e0e9f66fa2493ced77debe8d9b9336ffc06271e6dcdde8b9f42b6c80a1d',
    entry: 'bin/ollama',
    megabytes: 1_500,
  };
}
