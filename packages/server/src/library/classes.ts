import { randomInt } from 'node:crypto';
import { AircheckError, type AssetClass } from '@aircheck/protocol';
import { PostgresAdapter } from 'kysely';
import type { Clock } from '../clock.ts';
import type { Database } from '../db/index.ts';

/** Levels of the tree, those of both vendors. */
export const maxClassLevel = 4;

/** Where files are that belong to no other class. */
export const defaultClassId = 0;

interface Node {
  readonly class_id: number;
  readonly parent_id: number;
  readonly name: string;
  readonly level: number;
  readonly created_at: number;
  readonly updated_at: number;
}

/** The classes of each app: a tree of four levels at most, beside the default class, which is always there. */
export class Classes {
  readonly #db: Database;
  readonly #clock: Clock;
  readonly #newClassId: () => number;

  /** @param newClassId - gives ids that are not given again: what still names a deleted class must not get into a new one */
  constructor(db: Database, clock: Clock, newClassId: () => number = () => randomInt(100_000, 2 ** 31)) {
    this.#db = db;
    this.#clock = clock;
    this.#newClassId = newClassId;
  }

  /** The whole tree, the default class first, parents before their children, siblings by name. */
  async list(appId: string): Promise<AssetClass[]> {
    const [nodes, counts] = await Promise.all([this.#nodes(this.#db, appId), this.#counts(appId)]);
    const listed: AssetClass[] = [
      {
        classId: defaultClassId,
        parentId: defaultClassId,
        name: '其他/Other',
        level: 1,
        fileCount: counts.get(defaultClassId) ?? 0,
        createdAt: null,
        updatedAt: null,
      },
    ];
    const add = (parentId: number) => {
      for (const node of nodes.filter(({ parent_id }) => parent_id === parentId)) {
        listed.push(toClass(node, counts.get(node.class_id) ?? 0));
        add(node.class_id);
      }
    };
    add(defaultClassId);
    return listed;
  }

  /** @throws AircheckError `class-not-found` */
  async get(appId: string, classId: number): Promise<AssetClass> {
    const found = (await this.list(appId)).find((candidate) => candidate.classId === classId);
    if (found === undefined) throw notFound(classId);
    return found;
  }

  /**
   * Checks that a class is there; the default one always is.
   * @throws AircheckError `class-not-found`
   */
  async require(appId: string, classId: number, input = 'body.classId', db: Database = this.#db): Promise<void> {
    if ((await this.orDefault(appId, classId, db)) !== classId) throw notFound(classId, input);
  }

  /** The class itself, or the default one when there is no such class (any more). */
  async orDefault(appId: string, classId: number, db: Database = this.#db): Promise<number> {
    if (classId === defaultClassId) return defaultClassId;
    const row = await db
      .selectFrom('classes')
      .select('class_id')
      .where('app_id', '=', appId)
      .where('class_id', '=', classId)
      .executeTakeFirst();
    return row?.class_id ?? defaultClassId;
  }

  /** A class and all below it. Below the default class there is none. */
  async withDescendants(appId: string, classId: number): Promise<number[]> {
    if (classId === defaultClassId) return [defaultClassId];
    return subtree(await this.#nodes(this.#db, appId), classId).map(({ class_id }) => class_id);
  }

  /** @throws AircheckError `class-not-found` for its parent, `class-invalid` below the fourth level */
  async create(appId: string, name: string, parentId: number = defaultClassId): Promise<AssetClass> {
    const classId = await this.#changing(appId, async (transaction, nodes) => {
      const level = levelBelow(nodes, parentId);
      const now = this.#clock.now();
      let classId = this.#newClassId();
      while (nodes.some((node) => node.class_id === classId)) classId = this.#newClassId();
      await transaction
        .insertInto('classes')
        .values({
          app_id: appId,
          class_id: classId,
          parent_id: parentId,
          name,
          level,
          created_at: now,
          updated_at: now,
        })
        .execute();
      return classId;
    });
    return this.get(appId, classId);
  }

  /**
   * Renames a class, or moves it with all below it.
   * @throws AircheckError `class-not-found`; `class-invalid` for the default class, for a move below itself and for one
   *   that needs a fifth level
   */
  async update(
    appId: string,
    classId: number,
    changes: { readonly name?: string | undefined; readonly parentId?: number | undefined },
  ): Promise<AssetClass> {
    refuseDefault(classId, 'changed');
    await this.#changing(appId, async (transaction, nodes) => {
      const node = nodes.find((candidate) => candidate.class_id === classId);
      if (node === undefined) throw notFound(classId);
      const parentId = changes.parentId ?? node.parent_id;
      const moved = subtree(nodes, classId);
      if (moved.some(({ class_id }) => class_id === parentId)) {
        throw new AircheckError('class-invalid', `Class ${classId} cannot be below itself`, { input: 'body.parentId' });
      }
      const shift = levelBelow(nodes, parentId) - node.level;
      if (moved.some(({ level }) => level + shift > maxClassLevel)) throw tooDeep();
      for (const { class_id, level } of moved) {
        await transaction
          .updateTable('classes')
          .set({ level: level + shift })
          .where('app_id', '=', appId)
          .where('class_id', '=', class_id)
          .execute();
      }
      await transaction
        .updateTable('classes')
        .set({ parent_id: parentId, name: changes.name ?? node.name, updated_at: this.#clock.now() })
        .where('app_id', '=', appId)
        .where('class_id', '=', classId)
        .execute();
    });
    return this.get(appId, classId);
  }

  /**
   * Deletes a class; its files fall back to the default class, its retention rule goes.
   * @throws AircheckError `class-not-found`; `class-invalid` for the default class and for one with classes below it
   */
  async remove(appId: string, classId: number): Promise<void> {
    refuseDefault(classId, 'deleted');
    await this.#changing(appId, async (transaction, nodes) => {
      if (!nodes.some((node) => node.class_id === classId)) throw notFound(classId);
      if (nodes.some((node) => node.parent_id === classId)) {
        throw new AircheckError('class-invalid', `Class ${classId} has classes below it`, {
          hint: 'Move or delete these first',
        });
      }
      const ofClass = { app_id: appId, class_id: classId };
      if (transaction.getExecutor().adapter instanceof PostgresAdapter) {
        // In the order in which all who lock several files do so: of two, none waits for the other.
        await transaction
          .selectFrom('assets')
          .select('file_id')
          .where((where) => where.and(ofClass))
          .orderBy('file_id')
          .forUpdate()
          .execute();
      }
      await transaction
        .updateTable('assets')
        .set({ class_id: defaultClassId, updated_at: this.#clock.now() })
        .where((where) => where.and(ofClass))
        .execute();
      await transaction
        .deleteFrom('retention_rules')
        .where((where) => where.and(ofClass))
        .execute();
      await transaction
        .deleteFrom('classes')
        .where((where) => where.and(ofClass))
        .execute();
    });
  }

  /** Changes the tree as one: two changes at the same time could make a loop that neither of them is. */
  #changing<T>(appId: string, change: (transaction: Database, nodes: Node[]) => Promise<T>): Promise<T> {
    return this.#db.transaction().execute(async (transaction) => {
      // The app's row is the lock of its tree, on both databases.
      await transaction
        .updateTable('apps')
        .set((set) => ({ name: set.ref('name') }))
        .where('app_id', '=', appId)
        .execute();
      return change(transaction, await this.#nodes(transaction, appId));
    });
  }

  #nodes(db: Database, appId: string): Promise<Node[]> {
    return db
      .selectFrom('classes')
      .select(['class_id', 'parent_id', 'name', 'level', 'created_at', 'updated_at'])
      .where('app_id', '=', appId)
      .orderBy('name')
      .orderBy('class_id')
      .execute();
  }

  async #counts(appId: string): Promise<Map<number, number>> {
    const rows = await this.#db
      .selectFrom('assets')
      .select((select) => ['class_id', select.fn.countAll<number>().as('files')])
      .where('app_id', '=', appId)
      .where('hidden', '=', 0)
      .groupBy('class_id')
      .execute();
    return new Map(rows.map((row) => [row.class_id, row.files]));
  }
}

function subtree(nodes: readonly Node[], classId: number): Node[] {
  const found = nodes.filter(({ class_id }) => class_id === classId);
  for (const parent of found) found.push(...nodes.filter(({ parent_id }) => parent_id === parent.class_id));
  return found;
}

function levelBelow(nodes: readonly Node[], parentId: number): number {
  if (parentId === defaultClassId) return 1;
  const parent = nodes.find(({ class_id }) => class_id === parentId);
  if (parent === undefined) throw notFound(parentId, 'body.parentId');
  if (parent.level >= maxClassLevel) throw tooDeep();
  return parent.level + 1;
}

function refuseDefault(classId: number, what: string): void {
  if (classId === defaultClassId) throw new AircheckError('class-invalid', `The default class cannot be ${what}`);
}

function tooDeep(): AircheckError {
  return new AircheckError('class-invalid', `Classes have ${maxClassLevel} levels at most`, {
    input: 'body.parentId',
  });
}

function notFound(classId: number, input?: string): AircheckError {
  return new AircheckError('class-not-found', `There is no class ${classId}`, input === undefined ? {} : { input });
}

function toClass(node: Node, fileCount: number): AssetClass {
  return {
    classId: node.class_id,
    parentId: node.parent_id,
    name: node.name,
    level: node.level,
    fileCount,
    createdAt: new Date(node.created_at).toISOString(),
    updatedAt: new Date(node.updated_at).toISOString(),
  };
}
