import { randomBytes } from 'node:crypto';
import { AircheckError, CreateTemplateRequest, Length, type Template } from '@aircheck/protocol';
import type { Action, ActionContext, Actions } from './context.ts';
import type { Parameters } from './parameters.ts';
import { definitionOf } from './template-actions.ts';
import { ticketOf, uploadUrl } from './upload-targets.ts';

type WatermarkTemplate = Extract<Template, { kind: 'watermark' }>;

const TemplateName = CreateTemplateRequest.options[1].shape.name;

const update: Action = async (context, parameters) => {
  const { definition, spec } = await templateOf(context, parameters);
  const picture = parameters.text('url') ? await pictureOf(context, parameters) : undefined;
  await context.jobs.templates.update(context.appId, definition, {
    name: parameters.parsed('name', TemplateName),
    spec: placeOf(parameters, spec),
    image: picture?.image,
  });
  await picture?.remove();
  return {};
};

/** Actions on watermarks: apply for an upload, PUT the PNG, make the template (266/11599, 266/11607). */
export const watermarkActions: Actions = {
  async ApplyUploadWatermark({ tickets, appId, origin }, parameters) {
    const type = parameters.required('type').toLowerCase();
    if (type !== 'png') throw parameters.invalid('type', 'must be png');
    return { uploadUrl: uploadUrl(origin, tickets.watermark(appId, randomBytes(16).toString('hex'))) };
  },

  async CreateWatermarkTemplate(context, parameters) {
    const name = parameters.parsed('name', TemplateName) ?? 'watermark';
    const spec = placeOf(parameters);
    parameters.required('url');
    const { image, remove } = await pictureOf(context, parameters);
    const { definition } = await context.jobs.templates.create(context.appId, { kind: 'watermark', name, spec, image });
    await remove();
    return { definition };
  },

  UpdateWatermarkTemplate: update,
  ModifyWatermarkTemplate: update,

  async DeleteWatermarkTemplate(context, parameters) {
    const { definition } = await templateOf(context, parameters);
    await context.jobs.templates.remove(context.appId, definition);
    return {};
  },

  async QueryWatermarkTemplate(context, parameters) {
    return describe(await templateOf(context, parameters));
  },

  /** As `definitionList`, which the page promises, and by numbers, which its sample shows. */
  async QueryWatermarkTemplateList({ jobs, appId }) {
    const found = (await jobs.templates.list(appId, 'watermark')).map((item) => describe(item as WatermarkTemplate));
    return { ...found, definitionList: found };
  },
};

async function templateOf({ jobs, appId }: ActionContext, parameters: Parameters): Promise<WatermarkTemplate> {
  const definition = definitionOf(parameters);
  const template = await jobs.templates.get(appId, definition);
  if (template.kind === 'watermark') return template;
  throw new AircheckError('template-not-found', `There is no watermark template ${definition}`);
}

/** Where the picture goes; a height of nothing follows from the width, as the vendor has it. */
function placeOf(parameters: Parameters, before?: WatermarkTemplate['spec']): WatermarkTemplate['spec'] {
  parameters.oneOf('type', ['image']);
  const height = parameters.parsed('height', Length) ?? before?.height;
  return {
    left: parameters.parsed('left', Length) ?? before?.left ?? '0px',
    top: parameters.parsed('top', Length) ?? before?.top ?? '0px',
    width: parameters.parsed('width', Length) ?? before?.width ?? '10%',
    ...(height !== undefined && !/^0(\.0+)?(px|%)$/.test(height) && { height }),
  };
}

/** The picture that was uploaded to the address that the call names. */
async function pictureOf({ tickets, watermarkFiles, appId }: ActionContext, parameters: Parameters) {
  const { id } = tickets.open(ticketOf(parameters.required('url')), { kind: 'watermark', appId });
  const picture = await watermarkFiles.get(id);
  return { image: picture.toString('base64'), remove: () => watermarkFiles.remove(id) };
}

function describe({ definition, name, spec }: WatermarkTemplate): object {
  return { definition, name, comment: '', type: 'image', url: '', ...spec };
}
