import { isIP } from 'node:net';
import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
import { AircheckError, IceServer } from '@aircheck/protocol';
import { z } from 'zod';
import type { DatabaseLocation } from './db/index.ts';

export type LogLevel = 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent';

/** What the service is told from outside; every key has a default that works on one machine. */
export interface Config {
  /** Address that HTTP and media listen on. */
  readonly host: string;
  /** TCP port of HTTP; 0 takes a free one. */
  readonly port: number;
  /** Absolute path. */
  readonly dataFolder: string;
  /** `<data>/recordings` */
  readonly recordingsFolder: string;
  /** First and last UDP port of media; `[0, 0]` takes free ones. */
  readonly udpPorts: readonly [number, number];
  readonly publicIp: string | undefined;
  readonly publicUrl: string | undefined;
  readonly iceServers: readonly IceServer[];
  readonly database: DatabaseLocation;
  /** The default app's key and secret; made and kept in the data folder when absent. */
  readonly credentials: { readonly key: string; readonly secret: string } | undefined;
  readonly mediaWorkers: number;
  readonly segmentSeconds: number;
  readonly idleSeconds: number;
  readonly syncMs: number;
  /** `<data>/derived`: what jobs have made of files. */
  readonly derivedFolder: string;
  /** `<data>/uploads`: files on their way in. */
  readonly uploadsFolder: string;
  /** `<data>/work`: what jobs are making. */
  readonly workFolder: string;
  readonly jobWorkers: number;
  readonly uploadMaxBytes: number;
  /** Networks in CIDR notation, or host names, that webhooks and pulls may reach though they are not public. */
  readonly webhookAllow: readonly string[];
  /** Who sends the bytes of files: this process, or nginx by `X-Accel-Redirect`. */
  readonly accel: 'none' | 'nginx';
  readonly logLevel: LogLevel;
}

interface Key<T> {
  readonly name: string;
  /** What it does, with its unit. */
  readonly about: string;
  /** As it is said in the help text. */
  readonly default: string;
  /** Ends the sentence "… must be". */
  readonly mustBe: string;
  /** @returns undefined when the text is not what the key must be */
  readonly parse: (text: string) => T | undefined;
}

function key<T>(definition: Key<T>): Key<T> {
  return definition;
}

const logLevels: readonly LogLevel[] = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'];

/** Every key. Each comment says what fails when the value is wrong. */
const keys = {
  // Too narrow (127.0.0.1): nobody on another machine can join. 0.0.0.0 without AIRCHECK_PUBLIC_IP behind a NAT: pages
  // open, but media does not connect.
  host: key({
    name: 'AIRCHECK_HOST',
    about: 'address to listen on, for HTTP and for media',
    default: '127.0.0.1',
    mustBe: 'an IP address or a host name',
    parse: (text) => (isIP(text) !== 0 || /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/i.test(text) ? text : undefined),
  }),
  // Taken by another program: the server ends at start with EADDRINUSE.
  port: key({
    name: 'AIRCHECK_PORT',
    about: 'TCP port of HTTP; 0 takes a free one',
    default: '8080',
    mustBe: 'a port number from 0 to 65535',
    parse: integer(0, 65_535),
  }),
  // Not writable: the server ends at start. On a disk too small: recordings end with `storage-full`.
  data: key({
    name: 'AIRCHECK_DATA',
    about: 'folder for the database, the recordings and the credentials',
    default: './data',
    mustBe: 'the path of a folder',
    parse: (text) => (text.includes('\0') ? undefined : resolve(text)),
  }),
  // Blocked by a firewall: pages open, but media does not connect. Each worker takes a part of the range: fewer ports
  // than workers, and some workers get none.
  udpPorts: key({
    name: 'AIRCHECK_UDP_PORTS',
    about: 'UDP ports of media, first-last; 0 takes free ones',
    default: '40000-40099',
    mustBe: 'a range of ports such as 40000-40099, or 0',
    parse: portRange,
  }),
  // Wrong: clients send their media to an address that is not this machine, and never connect.
  publicIp: key({
    name: 'AIRCHECK_PUBLIC_IP',
    about: 'address that clients reach this machine under, behind a NAT',
    default: 'none',
    mustBe: 'an IP address',
    parse: (text) => (isIP(text) !== 0 ? text : undefined),
  }),
  // Wrong: play links and the sign-in link lead nowhere.
  publicUrl: key({
    name: 'AIRCHECK_PUBLIC_URL',
    about: 'URL that clients reach this server under, behind a reverse proxy; used in links',
    default: 'taken from each request',
    mustBe: 'an absolute http or https URL without query and fragment',
    parse: publicUrl,
  }),
  // Wrong or unreachable: clients behind strict firewalls do not connect; all others do.
  iceServers: key({
    name: 'AIRCHECK_ICE_SERVERS',
    about: 'STUN and TURN servers handed to clients, a JSON array of RTCIceServer',
    default: '[]',
    mustBe: 'a JSON array such as [{"urls":["turn:turn.example.com"],"username":"u","credential":"c"}]',
    parse: iceServers,
  }),
  // Unreachable: the server ends at start. Pointing two servers at one database is not supported yet.
  databaseUrl: key({
    name: 'DATABASE_URL',
    about: 'PostgreSQL to keep the state in',
    default: 'SQLite in the data folder',
    mustBe: 'a URL that begins with postgres:// or postgresql://',
    parse: (text) => (/^postgres(ql)?:\/\/./.test(text) && URL.canParse(text) ? text : undefined),
  }),
  // Changed: all access tokens, play links and console sessions made with the old pair stop working.
  apiKey: key({
    name: 'AIRCHECK_API_KEY',
    about: "the default app's key; set together with AIRCHECK_API_SECRET",
    default: 'made at first start, kept in the data folder',
    mustBe: '4 to 100 letters, digits, _ or -',
    parse: (text) => (/^[\w-]{4,100}$/.test(text) ? text : undefined),
  }),
  apiSecret: key({
    name: 'AIRCHECK_API_SECRET',
    about: "the default app's secret",
    default: 'made at first start, kept in the data folder',
    mustBe: 'printable ASCII, 16 to 200 characters without spaces',
    parse: (text) => (/^[\x21-\x7e]{16,200}$/.test(text) ? text : undefined),
  }),
  // More than there are cores: the workers starve one another, and packets are late. Too few: one core carries all.
  mediaWorkers: key({
    name: 'AIRCHECK_MEDIA_WORKERS',
    about: 'processes that carry media',
    default: 'one less than there are cores, at least 1',
    mustBe: 'a whole number from 1 to 64',
    parse: integer(1, 64),
  }),
  // Longer: one file grows large, and what a broken disk block can cost with it.
  segmentSeconds: key({
    name: 'AIRCHECK_SEGMENT_SECONDS',
    about: 'seconds after which a recording goes on in a new file',
    default: '5400',
    mustBe: 'a whole number from 5 to 86400',
    parse: integer(5, 86_400),
  }),
  // Too short: a publisher that reconnects slowly finds its recording ended. Too long: it stays live with nobody there.
  idleSeconds: key({
    name: 'AIRCHECK_IDLE_SECONDS',
    about: 'seconds without media after which a recording ends',
    default: '60',
    mustBe: 'a whole number from 1 to 86400',
    parse: integer(1, 86_400),
  }),
  // Longer: a power cut costs more of each growing file. Shorter: the disk is kept busy with syncs.
  syncMs: key({
    name: 'AIRCHECK_SYNC_MS',
    about: 'milliseconds between two syncs of a growing file: what a power cut may cost',
    default: '2000',
    mustBe: 'a whole number from 100 to 600000',
    parse: integer(100, 600_000),
  }),
  // More than there are cores to spare: media is disturbed although jobs run at low priority. 0: jobs wait for ever.
  jobWorkers: key({
    name: 'AIRCHECK_JOB_WORKERS',
    about: 'transcodings at a time, a process each; one more does what takes seconds',
    default: '1',
    mustBe: 'a whole number from 0 to 64',
    parse: integer(0, 64),
  }),
  // Too large: one upload may fill the disk.
  uploadMaxBytes: key({
    name: 'AIRCHECK_UPLOAD_MAX_BYTES',
    about: 'bytes that an uploaded or pulled file may have',
    default: '10737418240 (10 GiB)',
    mustBe: 'a whole number from 1 to 1099511627776',
    parse: integer(1, 2 ** 40),
  }),
  // Too wide: who may set a webhook can reach what is behind your firewall. Too narrow: events to own servers are refused.
  webhookAllow: key({
    name: 'AIRCHECK_WEBHOOK_ALLOW',
    about: 'private networks or hosts that webhooks and pulls may reach, by commas, or *',
    default: 'none: public addresses alone',
    mustBe: 'networks such as 10.1.0.0/16, host names, or *, separated by commas',
    parse: webhookTargets,
  }),
  // `nginx` without nginx in front, or without its configuration: files come out empty.
  accel: key({
    name: 'AIRCHECK_ACCEL',
    about: 'who sends the bytes of files: none (this process) or nginx, see deploy/',
    default: 'none',
    mustBe: 'none or nginx',
    parse: (text) => (text === 'none' || text === 'nginx' ? text : undefined),
  }),
  logLevel: key({
    name: 'AIRCHECK_LOG_LEVEL',
    about: 'least severe level that is logged',
    default: 'info',
    mustBe: `one of ${logLevels.join(', ')}`,
    parse: (text) => logLevels.find((level) => level === text),
  }),
} as const;

/** Keys whose value must not be repeated in messages. */
const secretKeys: ReadonlySet<string> = new Set(['AIRCHECK_API_SECRET', 'DATABASE_URL', 'AIRCHECK_ICE_SERVERS']);

/**
 * Reads the configuration from environment variables; an empty variable counts as absent.
 * @throws AircheckError `config-invalid` that names every wrong key, its value and what it must be
 */
export function readConfig(environment: Readonly<Record<string, string | undefined>>): Config {
  const problems: string[] = [];

  function read<T>(definition: Key<T>): T | undefined {
    const text = environment[definition.name]?.trim();
    if (text === undefined || text === '') return undefined;
    const value = definition.parse(text);
    if (value === undefined) {
      const shown = secretKeys.has(definition.name) ? '(not shown)' : JSON.stringify(text);
      problems.push(`${definition.name} is ${shown}, but must be ${definition.mustBe}`);
    }
    return value;
  }

  const dataFolder = read(keys.data) ?? resolve('data');
  const databaseUrl = read(keys.databaseUrl);
  const apiKey = read(keys.apiKey);
  const apiSecret = read(keys.apiSecret);
  const isSet = ({ name }: { readonly name: string }) => (environment[name]?.trim() ?? '') !== '';
  if (isSet(keys.apiKey) !== isSet(keys.apiSecret)) {
    problems.push(`${keys.apiKey.name} and ${keys.apiSecret.name} must be set both or not at all`);
  }

  const config: Config = {
    host: read(keys.host) ?? '127.0.0.1',
    port: read(keys.port) ?? 8080,
    dataFolder,
    recordingsFolder: join(dataFolder, 'recordings'),
    derivedFolder: join(dataFolder, 'derived'),
    uploadsFolder: join(dataFolder, 'uploads'),
    workFolder: join(dataFolder, 'work'),
    udpPorts: read(keys.udpPorts) ?? [40_000, 40_099],
    publicIp: read(keys.publicIp),
    publicUrl: read(keys.publicUrl),
    iceServers: read(keys.iceServers) ?? [],
    database:
      databaseUrl === undefined
        ? { kind: 'sqlite', file: join(dataFolder, 'aircheck.db') }
        : { kind: 'postgres', url: databaseUrl },
    credentials: apiKey !== undefined && apiSecret !== undefined ? { key: apiKey, secret: apiSecret } : undefined,
    mediaWorkers: read(keys.mediaWorkers) ?? Math.max(1, availableParallelism() - 1),
    segmentSeconds: read(keys.segmentSeconds) ?? 5400,
    idleSeconds: read(keys.idleSeconds) ?? 60,
    syncMs: read(keys.syncMs) ?? 2000,
    jobWorkers: read(keys.jobWorkers) ?? 1,
    uploadMaxBytes: read(keys.uploadMaxBytes) ?? 10 * 2 ** 30,
    webhookAllow: read(keys.webhookAllow) ?? [],
    accel: read(keys.accel) ?? 'none',
    logLevel: read(keys.logLevel) ?? 'info',
  };
  if (problems.length > 0) throw new AircheckError('config-invalid', problems.join('; '));
  return config;
}

/** All keys for `aircheck --help`, each with its default and, on a line of its own, what it does. */
export function configHelp(): string {
  const width = Math.max(...Object.values(keys).map(({ name }) => name.length));
  return Object.values(keys)
    .map(({ name, about, default: defaultValue }) => `  ${name.padEnd(width)}  ${defaultValue}\n      ${about}`)
    .join('\n');
}

function integer(min: number, max: number): (text: string) => number | undefined {
  return (text) => {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    return value >= min && value <= max ? value : undefined;
  };
}

function webhookTargets(text: string): readonly string[] | undefined {
  const targets = text.split(',').map((target) => target.trim());
  const isTarget = (target: string): boolean => {
    const [address = '', bits] = target.split('/');
    if (bits !== undefined)
      return isIP(address) !== 0 && /^\d{1,3}$/.test(bits) && Number(bits) <= (isIP(address) === 4 ? 32 : 128);
    return target === '*' || isIP(target) !== 0 || /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/i.test(target);
  };
  return targets.every(isTarget) ? targets : undefined;
}

function portRange(text: string): readonly [number, number] | undefined {
  if (text === '0') return [0, 0];
  const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text);
  if (match === null) return undefined;
  const first = Number(match[1]);
  const last = Number(match[2] ?? match[1]);
  return first >= 1 && first <= last && last <= 65_535 ? [first, last] : undefined;
}

function publicUrl(text: string): string | undefined {
  if (!URL.canParse(text)) return undefined;
  const url = new URL(text);
  if ((url.protocol !== 'http:' && url.protocol !== 'https:') || url.search !== '' || url.hash !== '') return undefined;
  return url.href.replace(/\/$/, '');
}

function iceServers(text: string): readonly IceServer[] | undefined {
  try {
    return z.array(IceServer).parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}
