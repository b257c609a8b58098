import { ClassId, Intro, Tags } from '@aircheck/protocol';
import { type ActionContext, type Actions, fileOf } from './context.ts';
import type { Parameters } from './parameters.ts';
import { fromVendorTime } from './times.ts';

/** Actions that change a file, or take it out of the library. */
export const fileActions: Actions = {
  async ModifyVodInfo(context, parameters) {
    const { asset } = await fileOf(context, parameters);
    const intro = parameters.text('fileIntro');
    const classId = parameters.integer('classId', 0, 2 ** 31 - 1);
    const changes = {
      ...(parameters.text('fileName') !== undefined && { fileName: parameters.fileName('fileName') }),
      ...(intro !== undefined && { intro: parameters.check('fileIntro', Intro, intro) }),
      ...(classId !== undefined && { classId: parameters.check('classId', ClassId, classId) }),
      ...expiry(parameters),
    };
    await context.library.update(context.appId, asset.fileId, changes);
    return {};
  },

  /** `priority` and `isFlushCdn` are read and have no effect: there is no queue of deletions, and no CDN. */
  async DeleteVodFile(context, parameters) {
    parameters.integer('priority', 0, 2);
    parameters.flag('isFlushCdn');
    const { asset } = await fileOf(context, parameters);
    await context.library.remove(context.appId, asset.fileId);
    return {};
  },

  async CreateVodTags(context, parameters) {
    const given = tagsOf(parameters);
    await changeTags(context, parameters, (tags) => [...tags, ...given]);
    return {};
  },

  async DeleteVodTags(context, parameters) {
    const given = new Set(tagsOf(parameters));
    await changeTags(context, parameters, (tags) => tags.filter((tag) => !given.has(tag)));
    return {};
  },

  /** No link to the file works any more; there is no other one either, whatever the answer's field says. */
  async BanningVod(context, parameters) {
    await ban(context, parameters, true);
    return { replayUrl: '' };
  },

  async UnbanningVod(context, parameters) {
    await ban(context, parameters, false);
    return {};
  },

  async DescribeVodStorage({ library, appId }) {
    const { totalBytes } = await library.statistics(appId);
    return { data: { used_space: totalBytes } };
  },
};

async function ban(context: ActionContext, parameters: Parameters, banned: boolean): Promise<void> {
  parameters.flag('refreshCdn');
  const { asset } = await fileOf(context, parameters);
  await context.library.update(context.appId, asset.fileId, { banned });
}

function tagsOf(parameters: Parameters): string[] {
  const tags = parameters.check('tags', Tags, parameters.list('tags'));
  if (tags.length === 0) throw parameters.invalid('tags', 'is missing');
  return tags;
}

async function changeTags(
  context: ActionContext,
  parameters: Parameters,
  change: (tags: readonly string[]) => string[],
): Promise<void> {
  const { asset } = await fileOf(context, parameters);
  const tags = parameters.check('tags', Tags, [...new Set(change(asset.tags))]);
  await context.library.update(context.appId, asset.fileId, { tags });
}

function expiry(parameters: Parameters): { readonly expiresAt?: string } {
  const text = parameters.text('expireTime');
  return text === undefined || text === '' ? {} : { expiresAt: fromVendorTime(parameters, 'expireTime') };
}
