import { AircheckError, type AssetClass, ClassId, CreateClassRequest } from '@aircheck/protocol';
import { defaultClassId } from '../../../library/index.ts';
import type { ActionContext, Actions } from './context.ts';
import { VendorNumberError } from './errors.ts';
import type { Parameters } from './parameters.ts';
import { toVendorTime } from './times.ts';

/** What the vendor calls the place above the top classes. */
const above = -1;
const belowDefault = 1903;
const notDeleted = 1904;

const ClassName = CreateClassRequest.shape.name;

/** Actions on the tree of classes. */
export const classActions: Actions = {
  async CreateClass({ library, appId }, parameters) {
    const name = parameters.check('className', ClassName, parameters.required('className'));
    const parentId = parameters.integer('parentId', above, 2 ** 31 - 1) ?? above;
    if (parentId === defaultClassId) {
      const error = new AircheckError('class-invalid', 'Nothing is created below the default class', {
        input: 'parentId',
        hint: 'parentId -1 stands for the top',
      });
      throw new VendorNumberError(belowDefault, error);
    }
    const created = await library.classes.create(appId, name, parentId === above ? defaultClassId : parentId);
    return { newClassId: String(created.classId) };
  },

  async DescribeClass({ library, appId }) {
    const classes = await library.classes.list(appId);
    return {
      data: classes.map((item) => ({
        id: String(item.classId),
        name: nameOf(item),
        create_time: toVendorTime(item.createdAt),
        update_time: toVendorTime(item.updatedAt),
      })),
    };
  },

  async DescribeAllClass({ library, appId }) {
    const classes = await library.classes.list(appId);
    return { data: branches(classes, defaultClassId) };
  },

  async ModifyClass({ library, appId }, parameters) {
    const classId = classIdOf(parameters);
    const name = parameters.check('className', ClassName, parameters.required('className'));
    await library.classes.update(appId, classId, { name });
    return {};
  },

  /** Its files fall back to the default class. */
  async DeleteClass({ library, appId }, parameters) {
    const classId = classIdOf(parameters);
    try {
      await library.classes.remove(appId, classId);
    } catch (error) {
      if (error instanceof AircheckError && error.code === 'class-invalid') {
        throw new VendorNumberError(notDeleted, error);
      }
      throw error;
    }
    return {};
  },
};

/** Names of all classes, by their ids. */
export async function classNames({ library, appId }: ActionContext): Promise<Map<number, string>> {
  return new Map((await library.classes.list(appId)).map((item) => [item.classId, nameOf(item)]));
}

function classIdOf(parameters: Parameters): number {
  parameters.required('classId');
  return parameters.check('classId', ClassId, parameters.integer('classId', 0, 2 ** 31 - 1));
}

/** The default class is called as the vendor calls it, since code looks for that name. */
function nameOf({ classId, name }: AssetClass): string {
  return classId === defaultClassId ? '其他' : name;
}

interface Branch {
  readonly info: object;
  readonly subclass: readonly Branch[];
}

/** The classes below one. The default class, which is its own parent, stands at the top beside the others. */
function branches(classes: readonly AssetClass[], parentId: number): Branch[] {
  return classes
    .filter((item) => item.parentId === parentId)
    .map((item) => ({
      info: {
        id: item.classId,
        parent_id: item.parentId === defaultClassId ? above : item.parentId,
        name: nameOf(item),
        level: item.level - 1,
        file_num: item.fileCount,
      },
      subclass: item.classId === defaultClassId ? [] : branches(classes, item.classId),
    }));
}
