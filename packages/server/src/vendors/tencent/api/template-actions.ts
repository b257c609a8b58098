import { AircheckError, CreateTemplateRequest, type Template, TranscodeSpec } from '@aircheck/protocol';
import type { Action, ActionContext, Actions } from './context.ts';
import type { Parameters } from './parameters.ts';

type TranscodeTemplate = Extract<Template, { kind: 'transcode' }>;

const TemplateName = CreateTemplateRequest.options[0].shape.name;

const create: Action = async ({ jobs, appId }, parameters) => {
  const name = parameters.parsed('name', TemplateName) ?? 'transcode';
  const { definition } = await jobs.templates.create(appId, { kind: 'transcode', name, spec: specOf(parameters) });
  return { data: { definition } };
};

/** Replaces all but what is not named at all: the vendor's page has the fields of creation. */
const update: Action = async (context, parameters) => {
  const { definition, spec } = await templateOf(context, parameters);
  const name = parameters.parsed('name', TemplateName);
  await context.jobs.templates.update(context.appId, definition, { name, spec: specOf(parameters, spec) });
  return {};
};

/** Actions on templates of transcoding (266/9910 to 9914). */
export const templateActions: Actions = {
  CreateTranscodeTemplate: create,
  UpdateTranscodeTemplate: update,
  ModifyTranscodeTemplate: update,

  async DeleteTranscodeTemplate(context, parameters) {
    const { definition } = await templateOf(context, parameters);
    await context.jobs.templates.remove(context.appId, definition);
    return {};
  },

  async QueryTranscodeTemplate(context, parameters) {
    return describe(await templateOf(context, parameters));
  },

  async QueryTranscodeTemplateList({ jobs, appId }) {
    const templates = await jobs.templates.list(appId, 'transcode');
    return { data: templates.map((template) => describe(template as TranscodeTemplate)) };
  },
};

/** The number of a template that a call names. @throws AircheckError `request-invalid` */
export function definitionOf(parameters: Parameters): number {
  parameters.required('definition');
  return parameters.integer('definition', 0, 2 ** 31 - 1)!;
}

async function templateOf({ jobs, appId }: ActionContext, parameters: Parameters): Promise<TranscodeTemplate> {
  const definition = definitionOf(parameters);
  const template = await jobs.templates.get(appId, definition);
  if (template.kind === 'transcode') return template;
  throw new AircheckError('template-not-found', `There is no transcoding template ${definition}`);
}

/** @param before - what stays where nothing is said */
function specOf(parameters: Parameters, before?: TranscodeSpec): TranscodeSpec {
  const container = parameters.oneOf('container', ['mp4', 'hls', 'flv', 'm4a']) ?? before?.container;
  if (container === undefined) throw parameters.invalid('container', 'is missing');
  if (container === 'flv') throw parameters.invalid('container', 'must be mp4 or hls: no browser plays flv any more');
  const withVideo = without(parameters, 'isFiltrateVideo', before && before.video === null);
  const withAudio = without(parameters, 'isFiltrateAudio', before && before.audio === null);
  const spec = {
    container: withVideo || container === 'hls' ? container : 'm4a',
    video: withVideo ? videoOf(parameters.object('video'), before?.video) : null,
    audio: withAudio ? audioOf(parameters.object('audio'), before?.audio) : null,
    ...(before?.watermark !== undefined && { watermark: before.watermark }),
  };
  const result = TranscodeSpec.safeParse(spec);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const input = issue?.path.map(String).join('.') ?? '';
  throw new AircheckError('request-invalid', `${input}: ${issue?.message}`, { input, cause: result.error });
}

function without(parameters: Parameters, name: string, before: boolean | undefined): boolean {
  return !(parameters.text(name) === undefined ? (before ?? false) : parameters.flag(name));
}

/** Negative numbers forbid to raise a value, which is never done here. */
function videoOf(video: Parameters, before: TranscodeSpec['video'] | undefined): object {
  const codec = video.oneOf('codec', ['libx264', 'libx265', 'h264']);
  if (codec === 'libx265') throw video.invalid('codec', 'must be libx264');
  const size = (name: string) => magnitude(video, name, 4096) || undefined;
  const bitrateKbps = magnitude(video, 'bitrate', 50_000);
  const width = size('width') ?? before?.width;
  const height = size('height') ?? before?.height;
  return {
    width: width === undefined ? undefined : even(width),
    height: height === undefined ? undefined : even(height),
    fps: magnitude(video, 'fps', 240) || before?.fps,
    bitrateBps: bitrateKbps ? bitrateKbps * 1000 : (before?.bitrateBps ?? 1_000_000),
  };
}

function audioOf(audio: Parameters, before: TranscodeSpec['audio'] | undefined): object {
  const codec = audio.oneOf('codec', ['libfdk_aac', 'aac', 'libmp3lame', 'mp3']);
  if (codec === 'libmp3lame' || codec === 'mp3') throw audio.invalid('codec', 'must be libfdk_aac');
  const bitrateKbps = magnitude(audio, 'bitrate', 1000);
  return {
    bitrateBps: bitrateKbps ? bitrateKbps * 1000 : before?.bitrateBps,
    sampleRate: magnitude(audio, 'sampleRate', 192_000) ?? before?.sampleRate,
    channels: audio.integer('soundSystem', 1, 2) ?? before?.channels,
  };
}

function magnitude(parameters: Parameters, name: string, max: number): number | undefined {
  const value = parameters.decimal(name, -max, max);
  return value === undefined ? undefined : Math.abs(value);
}

function even(pixels: number): number {
  return Math.round(pixels / 2) * 2;
}

function describe({ definition, name, spec: { container, video, audio } }: TranscodeTemplate): object {
  return {
    definition,
    name,
    container,
    comment: '',
    isFiltrateVideo: video === null ? 1 : 0,
    isFiltrateAudio: audio === null ? 1 : 0,
    ...(video !== null && {
      video: {
        codec: 'libx264',
        fps: video.fps ?? 0,
        resolutionSelfAdapting: 1,
        width: video.width ?? 0,
        height: video.height ?? 0,
        bitrate: Math.round(video.bitrateBps / 1000),
      },
    }),
    ...(audio !== null && {
      audio: {
        codec: 'libfdk_aac',
        bitrate: Math.round(audio.bitrateBps / 1000),
        soundSystem: audio.channels,
        sampleRate: audio.sampleRate,
      },
    }),
  };
}
