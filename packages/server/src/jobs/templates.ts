import { createHash } from 'node:crypto';
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import {
  AircheckError,
  type CreateTemplateRequest,
  SnapshotSpec,
  SpriteSpec,
  type Template,
  type TemplateKind,
  TranscodeSpec,
  type UpdateTemplateRequest,
  WatermarkSpec,
} from '@aircheck/protocol';
import type { z } from 'zod';
import type { Clock } from '../clock.ts';
import type { Database, TemplateRow } from '../db/index.ts';
import { builtIn, builtInTemplates, firstWatermark } from './built-in-templates.ts';
import { checkWatermarkImage } from './watermark-image.ts';
import type { WatermarkImage } from './work-orders.ts';

type CreateTemplate = z.output<typeof CreateTemplateRequest>;
type UpdateTemplate = z.output<typeof UpdateTemplateRequest>;

const specSchemas = { transcode: TranscodeSpec, watermark: WatermarkSpec, sprite: SpriteSpec, snapshot: SnapshotSpec };

/** Own templates that an app may have of each kind. */
const maxTemplates = 16;

interface TemplatesOptions {
  readonly db: Database;
  readonly clock: Clock;
  readonly config: { readonly dataFolder: string };
}

/** How files are transcoded and pictures of them taken: what every app has, and what each has made for itself. */
export class Templates {
  readonly #db: Database;
  readonly #clock: Clock;
  readonly #folder: string;

  constructor({ db, clock, config }: TemplatesOptions) {
    this.#db = db;
    this.#clock = clock;
    this.#folder = join(config.dataFolder, 'watermarks');
  }

  /** The built-in ones first, then by number. */
  async list(appId: string, kind?: TemplateKind): Promise<Template[]> {
    const rows = await this.#db
      .selectFrom('templates')
      .selectAll()
      .where('app_id', '=', appId)
      .orderBy('definition')
      .execute();
    return [...builtInTemplates, ...rows.map(toTemplate)].filter(
      (template) => kind === undefined || template.kind === kind,
    );
  }

  /** @throws AircheckError `template-not-found` */
  async get(appId: string, definition: number): Promise<Template> {
    return builtIn(definition) ?? toTemplate(await this.#row(this.#db, appId, definition));
  }

  /**
   * The template of that kind for a job.
   * @throws AircheckError `template-not-found`, also when the number is that of another kind
   */
  async find<K extends TemplateKind>(
    db: Database,
    appId: string,
    kind: K,
    definition: number,
  ): Promise<Extract<Template, { kind: K }>> {
    if (kind === 'watermark' && definition === firstWatermark) {
      return (await this.#firstWatermark(db, appId)) as Extract<Template, { kind: K }>;
    }
    const template = builtIn(definition, kind) ?? toTemplate(await this.#row(db, appId, definition));
    if (template.kind !== kind) {
      throw new AircheckError('template-not-found', `Template ${definition} is of kind ${template.kind}, not ${kind}`);
    }
    return template as Extract<Template, { kind: K }>;
  }

  /** The picture of a watermark template and where it goes. @throws AircheckError `template-not-found` */
  async watermark(db: Database, appId: string, definition: number): Promise<WatermarkImage> {
    const template = await this.find(db, appId, 'watermark', definition);
    return { ...template.spec, path: this.#imagePath(appId, template.definition) };
  }

  /** The picture itself, a PNG. @throws AircheckError `template-not-found` */
  async image(appId: string, definition: number): Promise<Buffer> {
    const { path } = await this.watermark(this.#db, appId, definition);
    return readFile(path);
  }

  /** @throws AircheckError `template-limit`, `template-not-found` of its watermark, `request-invalid` */
  async create(appId: string, request: CreateTemplate): Promise<Template> {
    const image = request.kind === 'watermark' ? checkWatermarkImage(request.image) : undefined;
    await this.#checkSpec(appId, request);
    const { kind, name, spec } = request;
    return this.#db.transaction().execute(async (transaction) => {
      // A number that jobs and procedures may still name must not become that of another template. Whoever takes one
      // holds the app's row, so that what is counted next stays so.
      const { last_template: definition } = await transaction
        .updateTable('apps')
        .set((set) => ({ last_template: set('last_template', '+', 1) }))
        .where('app_id', '=', appId)
        .returning('last_template')
        .executeTakeFirstOrThrow();
      const { count } = await transaction
        .selectFrom('templates')
        .select((select) => select.fn.countAll<number>().as('count'))
        .where('app_id', '=', appId)
        .where('kind', '=', kind)
        .executeTakeFirstOrThrow();
      if (Number(count) >= maxTemplates) {
        throw new AircheckError('template-limit', `There are ${maxTemplates} ${kind} templates already`);
      }
      const now = this.#clock.now();
      const row: TemplateRow = {
        app_id: appId,
        definition,
        kind,
        name,
        spec: JSON.stringify(spec),
        created_at: now,
        updated_at: now,
      };
      await transaction.insertInto('templates').values(row).execute();
      if (image !== undefined) await this.#writeImage(appId, definition, image);
      return toTemplate(row);
    });
  }

  /**
   * Changes what is named and leaves the rest; jobs that run keep to what they began with.
   * @throws AircheckError `template-not-found`, `request-invalid` for a built-in one or a spec of another kind
   */
  async update(appId: string, definition: number, changes: UpdateTemplate): Promise<Template> {
    requireOwn(definition);
    const row = await this.#row(this.#db, appId, definition);
    const kind = row.kind as TemplateKind;
    if (changes.image !== undefined && kind !== 'watermark') {
      throw new AircheckError('request-invalid', `A ${kind} template has no picture`, { input: 'body.image' });
    }
    const image = changes.image === undefined ? undefined : checkWatermarkImage(changes.image);
    const spec = changes.spec === undefined ? undefined : parseSpec(kind, changes.spec);
    if (spec !== undefined) await this.#checkSpec(appId, { kind, spec } as CreateTemplate);
    if (image !== undefined) await this.#writeImage(appId, definition, image);
    const updated = await this.#db
      .updateTable('templates')
      .set({
        updated_at: this.#clock.now(),
        ...(changes.name !== undefined && { name: changes.name }),
        ...(spec !== undefined && { spec: JSON.stringify(spec) }),
      })
      .where('app_id', '=', appId)
      .where('definition', '=', definition)
      .returningAll()
      .executeTakeFirst();
    if (updated === undefined) throw notFound(definition);
    return toTemplate(updated);
  }

  /** Jobs that wait for it fail. @throws AircheckError `template-not-found`, `request-invalid` for a built-in one */
  async remove(appId: string, definition: number): Promise<void> {
    requireOwn(definition);
    const result = await this.#db
      .deleteFrom('templates')
      .where('app_id', '=', appId)
      .where('definition', '=', definition)
      .executeTakeFirst();
    if (result.numDeletedRows === 0n) throw notFound(definition);
    await rm(this.#imagePath(appId, definition), { force: true });
  }

  async #checkSpec(appId: string, { kind, spec }: Pick<CreateTemplate, 'kind' | 'spec'>): Promise<void> {
    if (kind !== 'transcode') return;
    const { container, video, audio, watermark } = spec as Extract<CreateTemplate, { kind: 'transcode' }>['spec'];
    if (video === null && audio === null) {
      throw new AircheckError('request-invalid', 'A template has a picture, sound or both', { input: 'body.spec' });
    }
    if (container === 'm4a' && video !== null) {
      throw new AircheckError('request-invalid', 'm4a holds sound alone', { input: 'body.spec.container' });
    }
    if (watermark !== undefined) await this.find(this.#db, appId, 'watermark', watermark);
  }

  async #row(db: Database, appId: string, definition: number): Promise<TemplateRow> {
    const row = await db
      .selectFrom('templates')
      .selectAll()
      .where('app_id', '=', appId)
      .where('definition', '=', definition)
      .executeTakeFirst();
    if (row === undefined) throw notFound(definition);
    return row;
  }

  /** App ids come from outside and may be no file names. */
  async #firstWatermark(db: Database, appId: string): Promise<Template> {
    const row = await db
      .selectFrom('templates')
      .selectAll()
      .where('app_id', '=', appId)
      .where('kind', '=', 'watermark')
      .orderBy('definition')
      .limit(1)
      .executeTakeFirst();
    if (row !== undefined) return toTemplate(row);
    throw new AircheckError('template-not-found', 'The app has no watermark template', {
      hint: 'Make one with POST /v1/templates or in the settings of the console, and do the job again',
    });
  }

  #imagePath(appId: string, definition: number): string {
    const app = createHash('sha256').update(appId).digest('hex').slice(0, 16);
    return join(this.#folder, `${app}-${definition}.png`);
  }

  async #writeImage(appId: string, definition: number, image: Buffer): Promise<void> {
    const path = this.#imagePath(appId, definition);
    await mkdir(dirname(path), { recursive: true });
    const draft = await open(`${path}.new`, 'w');
    try {
      await draft.writeFile(image);
      await draft.sync();
    } finally {
      await draft.close();
    }
    await rename(`${path}.new`, path);
  }
}

function requireOwn(definition: number): void {
  if (builtIn(definition) === undefined) return;
  throw new AircheckError('request-invalid', `Template ${definition} is built in and stays as it is`, {
    input: 'path.definition',
  });
}

function notFound(definition: number): AircheckError {
  return new AircheckError('template-not-found', `There is no template ${definition}`);
}

/** @throws AircheckError `request-invalid` for a spec of another kind */
function parseSpec(kind: TemplateKind, spec: unknown): unknown {
  const result = specSchemas[kind].safeParse(spec);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const input = ['body', 'spec', ...(issue?.path ?? [])].join('.');
  throw new AircheckError('request-invalid', `${input}: ${issue?.message ?? 'not valid'}`, { input });
}

function toTemplate(row: TemplateRow): Template {
  return {
    definition: row.definition,
    name: row.name,
    builtIn: false,
    kind: row.kind,
    spec: JSON.parse(row.spec),
  } as Template;
}
