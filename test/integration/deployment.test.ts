import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { childEnvironment, packageRoot } from '../../src/config.ts';
import { parseSettings, providerInForce } from '../../src/core/settings.ts';
import { runProcess } from '../../src/process/run.ts';
import { type Image, runDockerfile, type Stage } from '../fixtures/dockerfile.ts';

interface Service {
  image?: string;
  build?: unknown;
  command?: string[];
  ports?: string[];
  profiles?: string[];
  healthcheck?: unknown;
  volumes?: string[];
  environment?: Record<string, string>;
  depends_on?: Record<string, { condition: string }>;
}

const read = (file: string) => readFileSync(join(packageRoot, file), 'utf8');
const composeText = read('docker-compose.yml');
const compose = parse(composeText, { merge: true }) as { services: Record<string, Service>; volumes: object };
const services = Object.entries(compose.services);

test('the settings that are mounted say that the Ollama beside us is local', () => {
  const settings = parseSettings(read('deploy/settings/ratchet.json'), 'deploy/settings/ratchet.json');
  expect(providerInForce(settings, 'ollama', 'remote')).toMatchObject({ locality: 'local', train: true });
  expect(providerInForce(settings, 'openai', 'remote')).toMatchObject({ locality: 'remote', train: false });
  for (const name of ['api', 'worker', 'worker-gpu']) {
    expect(compose.services[name]?.volumes).toContain('./deploy/settings:/settings:ro');
    expect(compose.services[name]?.environment).toMatchObject({ RATCHET_SETTINGS_FILE: '/settings/ratchet.json' });
  }
});

describe('docker-compose.yml', () => {
  test('is a Compose file by the specification', () => {
    const schema = JSON.parse(read('test/fixtures/compose-spec/compose-spec.json')) as object;
    const ajv = new Ajv2020({ allErrors: true, strict: false });
    addFormats.default(ajv);
    const validate = ajv.compile(schema);
    expect(validate(compose) ? [] : validate.errors).toEqual([]);
  });

  test('has every part', () => {
    const wanted = ['api', 'worker', 'worker-gpu', 'ratchet-db', 'ollama', 'litellm', 'litellm-db'];
    const temporal = ['temporal', 'temporal-db', 'temporal-schema', 'temporal-namespace', 'temporal-ui'];
    const watching = ['prometheus', 'grafana'];
    expect(Object.keys(compose.services).toSorted()).toEqual([...wanted, ...temporal, ...watching].toSorted());
    const optional = services.flatMap(([name, { profiles }]) => (profiles ? [name] : []));
    expect(optional.toSorted()).toEqual(watching.toSorted());
    expect(composeText).not.toContain('auto-setup');
  });

  test('publishes loopback only, and Ollama not at all', () => {
    const ports = services.flatMap(([, { ports: published = [] }]) => published);
    expect(ports.length).toBeGreaterThan(0);
    for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:/);
    expect(compose.services['ollama']?.ports).toBeUndefined();
  });

  test('holds no secret: each comes from .env, has to be there, and is in the example', () => {
    const secrets = [...composeText.matchAll(/\w*(?:PASSWORD|_KEY|_PWD): (.+)$/gm)].map(([, value = '']) => value);
    expect(secrets.length).toBeGreaterThan(6);
    for (const value of secrets) expect(value).toMatch(/^\$\{\w+(:\?.+|:-)\}$/);
    const names = new Set([...composeText.matchAll(/\$\{(\w+)/g)].map(([, name = '']) => name));
    const example = [...read('deploy/env.example').matchAll(/^(\w+)=$/gm)].map(([, name = '']) => name);
    expect(new Set(example)).toEqual(names);
  });

  test('every service that others wait for can be asked whether it is healthy', () => {
    for (const [name, { depends_on: needs = {} }] of services) {
      for (const [other, { condition }] of Object.entries(needs)) {
        const service = compose.services[other];
        expect(service, `${name} needs ${other}`).toBeDefined();
        if (condition === 'service_healthy') expect(service?.healthcheck, `${name} waits for ${other}`).toBeDefined();
      }
    }
  });

  test('every named volume is declared and every mounted file is there', () => {
    for (const [, { volumes = [] }] of services) {
      for (const volume of volumes) {
        const [source = ''] = volume.split(':');
        if (source.startsWith('./')) expect(existsSync(join(packageRoot, source)), source).toBe(true);
        else expect(Object.keys(compose.volumes)).toContain(source);
      }
    }
  });

  test('images are pinned', () => {
    for (const [name, { image, build }] of services) {
      if (build !== undefined) continue;
      expect(image, name).toMatch(/:[\w.-]+$/);
      expect(image, name).not.toMatch(/:latest$/);
    }
  });
});

describe('Dockerfiles', () => {
  let folder: string;
  let context: string;
  const built = new Map<string, Stage>();

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'ratchet-image-'));
    context = join(folder, 'context');
    for (const file of contextFiles()) {
      mkdirSync(dirname(join(context, file)), { recursive: true });
      cpSync(join(packageRoot, file), join(context, file));
    }
  });

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test.each(['Dockerfile', 'Dockerfile.gpu'])('%s builds an image whose ratchet starts, without root', async (name) => {
    const image = await runDockerfile({ dockerfile: join(packageRoot, name), context, folder, translate, built });
    expect(image.user).toBe('node');
    expect(image.entrypoint.slice(0, 2)).toEqual(['tini', '--']);
    expect(image.verified.every((step) => step.startsWith('apt-get'))).toBe(true);
    for (const command of [['--version'], [image.command[0] ?? '', '--help']]) {
      const { code, stdout, tail } = await start(image, command);
      expect({ code, tail }).toEqual({ code: 0, tail: '' });
      expect(stdout).toContain(command[0] === '--version' ? '0.1.0' : `ratchet ${command[0]}`);
    }
    expect(() =>
      execFileSync('ls', [join(image.root, 'app', 'node_modules', 'vitest')], { stdio: 'ignore' }),
    ).toThrow();
  });
});

/** What `.dockerignore`, a list of what is let in, leaves of the files that git would take. */
function contextFiles(): string[] {
  const tracked = execFileSync('git', ['ls-files', '-co', '--exclude-standard'], { cwd: packageRoot }).toString();
  const kept = [...read('.dockerignore').matchAll(/^!(.+)$/gm)].map(([, path = '']) => path);
  return tracked.split('\n').filter((file) => kept.some((path) => file === path || file.startsWith(`${path}/`)));
}

/** System packages and gigabytes of wheels are not installed on the machine of the test, but looked up. */
function translate(command: string): string | null {
  if (command.startsWith('apt-get')) return null;
  return command
    .replace('pip install --no-cache-dir', 'pip install --dry-run --no-deps')
    .replace('npm ci', 'npm ci --prefer-offline')
    .replace('-o node -g node ', '');
}

function start({ root, env, entrypoint }: Image, command: string[]) {
  const [, , , file = ''] = entrypoint;
  return runProcess({
    command: process.execPath,
    args: [file, ...command],
    cwd: join(root, 'app'),
    env: childEnvironment({ ...env, RATCHET_API_KEY: 'a key for the test' }),
    timeoutMs: 60_000,
  });
}
