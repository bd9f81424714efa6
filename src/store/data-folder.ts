import { mkdir, readFile, realpath, statfs } from 'node:fs/promises';
import { RatchetError, asRatchetError, isErrno } from '../core/errors.ts';

/** Magic numbers of statfs(2). */
const networkTypes: ReadonlyMap<number, string> = new Map([
  [0x6969, 'NFS'],
  [0x517b, 'SMB'],
  [0xff534d42, 'CIFS'],
  [0xfe534d42, 'SMB2'],
  [0x5346414f, 'AFS'],
  [0x00c36400, 'Ceph'],
  [0x0bd00bd0, 'Lustre'],
]);
const fuseType = 0x65735546;
const networkFuse = /^fuse\.(sshfs|s3fs|gcsfuse|rclone|glusterfs|davfs2?|curlftpfs|smbnetfs|blobfuse2?|juicefs)$/;

/** Makes the data folder, for its owner only, and refuses one on a network file system: locks and fsync do not hold there. */
export async function prepareDataFolder(dataDir: string): Promise<void> {
  try {
    await mkdir(dataDir, { recursive: true, mode: 0o700 });
  } catch (error) {
    if (isErrno(error, 'ENOSPC')) throw asRatchetError(error);
    const reason = error instanceof Error ? error.message : String(error);
    throw new RatchetError(
      'InvalidInput',
      `The data folder ${dataDir} cannot be made (${reason}): set RATCHET_DATA_DIR to a folder that you can write to.`,
      { cause: error },
    );
  }
  const network = process.platform === 'linux' ? await networkFileSystem(dataDir) : null;
  if (network) {
    throw new RatchetError(
      'InvalidInput',
      `The data folder ${dataDir} is on a network file system (${network}): set RATCHET_DATA_DIR to a folder on a local disk.`,
    );
  }
}

async function networkFileSystem(folder: string): Promise<string | null> {
  const { type } = await statfs(folder);
  if (type !== fuseType) return networkTypes.get(type) ?? null;
  const kind = mountKind(await realpath(folder), await readFile('/proc/self/mountinfo', 'utf8'));
  return kind && networkFuse.test(kind) ? kind : null;
}

/** File system type of the mount that holds a path, from the text of `/proc/self/mountinfo`. */
export function mountKind(path: string, mountinfo: string): string | null {
  let best: { point: string; kind: string } | null = null;
  for (const line of mountinfo.split('\n')) {
    const [before, after] = line.split(' - ');
    const point = before
      ?.split(' ')[4]
      ?.replace(/\\(\d{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
    const kind = after?.split(' ')[0];
    if (!point || !kind) continue;
    const holds = point === '/' || path === point || path.startsWith(`${point}/`);
    // A later mount on the same point covers the one before.
    if (holds && (!best || point.length >= best.point.length)) best = { point, kind };
  }
  return best?.kind ?? null;
}
