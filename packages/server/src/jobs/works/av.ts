import { AircheckError } from '@aircheck/protocol';

type Library = typeof import('node-av/lib');
type Constants = typeof import('node-av/constants');

/** FFmpeg, by its low-level bindings. */
export type Av = Library & Constants;

let loading: Promise<Av> | undefined;

/**
 * Loads FFmpeg. Only here and only in a job worker process: its binary is large, under another licence than ours, and an
 * optional dependency.
 *
 * @throws AircheckError `jobs-unavailable`
 */
export function loadAv(): Promise<Av> {
  loading ??= load();
  return loading;
}

async function load(): Promise<Av> {
  try {
    const [library, constants] = await Promise.all([import('node-av/lib'), import('node-av/constants')]);
    // What it finds odd in a file is said by our errors; its own lines would only fill the log.
    library.Log.setLevel(constants.AV_LOG_QUIET);
    return { ...constants, ...library };
  } catch (error) {
    throw new AircheckError('jobs-unavailable', 'node-av cannot be loaded on this machine', {
      hint: 'npm install --include=optional',
      cause: error,
    });
  }
}

/** What a call that should not fail answered. @throws AircheckError `internal` */
export function succeed(av: Av, code: number, what: string): number {
  if (code >= 0) return code;
  throw new AircheckError('internal', `${what}: ${describe(av, code)}`);
}

/** FFmpeg's own words for an error number. */
export function describe(av: Av, code: number): string {
  return av.FFmpegError.strerror(code);
}

type CodecContext = InstanceType<Library['CodecContext']>;
type EncoderName = Parameters<Library['Codec']['findEncoderByName']>[0];

/**
 * Opens an encoder that `configure` has filled in.
 *
 * @param options - private options of the codec
 * @throws AircheckError `jobs-unavailable` when FFmpeg was built without it
 */
export function openEncoder(
  av: Av,
  name: EncoderName,
  configure: (context: CodecContext) => void,
  options: Readonly<Record<string, string>> = {},
): CodecContext {
  const codec = av.Codec.findEncoderByName(name);
  if (codec === null) throw new AircheckError('jobs-unavailable', `node-av has no encoder ${name} on this platform`);
  const context = new av.CodecContext();
  context.allocContext3(codec);
  configure(context);
  for (const [option, value] of Object.entries(options)) {
    const none = undefined as never;
    succeed(av, context.setOption(option, value, none, av.AV_OPT_SEARCH_CHILDREN), `${name} ${option}=${value}`);
  }
  // Never with a Dictionary: it would be freed a second time when it is collected, which ends the process.
  succeed(av, context.open2Sync(codec, null), `open ${name}`);
  return context;
}
