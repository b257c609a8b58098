import type { Asset, AssetSort, AssetSource, AssetState } from '@aircheck/protocol';
import type { AssetFilter } from '../../library-api.ts';

export const sources: readonly AssetSource[] = ['record', 'upload', 'pull', 'clip', 'concat'];
export const states: readonly AssetState[] = ['recording', 'interrupted', 'ready', 'failed'];
export const sorts: readonly AssetSort[] = [
  '-startedAt',
  'startedAt',
  'fileName',
  '-fileName',
  '-sizeBytes',
  'sizeBytes',
  '-durationMs',
  'durationMs',
];

/** What the library shows, as it stands in the page's address. Days are the reader's own. */
export interface LibraryFilter {
  readonly q?: string;
  readonly classId?: number;
  readonly tag?: string;
  readonly room?: string;
  readonly user?: string;
  readonly source?: AssetSource;
  readonly state?: AssetState;
  /** `2026-01-31`. */
  readonly from?: string;
  /** The last day that counts. */
  readonly to?: string;
  readonly sort?: AssetSort;
}

/** Reads the address; what is not valid is left out. */
export function parseFilter(search: string): LibraryFilter {
  const values = new URLSearchParams(search);
  const text = (name: string) => values.get(name)?.trim() || undefined;
  const day = (name: string) => {
    const value = text(name);
    return value !== undefined && /^\d{4}-\d\d-\d\d$/.test(value) && !Number.isNaN(Date.parse(value))
      ? value
      : undefined;
  };
  const one = <Value extends string>(name: string, all: readonly Value[]) =>
    all.find((value) => value === values.get(name));
  const classId = /^\d{1,9}$/.test(values.get('class') ?? '') ? Number(values.get('class')) : undefined;
  return withoutAbsent({
    q: text('q'),
    classId,
    tag: text('tag'),
    room: text('room'),
    user: text('user'),
    source: one('source', sources),
    state: one('state', states),
    from: day('from'),
    to: day('to'),
    sort: one('sort', sorts),
  });
}

/** The address of a filter. */
export function formatFilter({ classId, sort, ...rest }: LibraryFilter): string {
  const values = new URLSearchParams(withoutAbsent(rest) as Record<string, string>);
  if (classId !== undefined) values.set('class', String(classId));
  if (sort !== undefined && sort !== '-startedAt') values.set('sort', sort);
  return values.toString();
}

/** The filter as the API takes it. */
export function toQuery({ q, classId, tag, room, user, source, state, from, to, sort }: LibraryFilter): AssetFilter {
  return withoutAbsent({
    fileNamePrefix: q,
    classId,
    tag,
    roomId: room,
    userId: user,
    source,
    state,
    startedAfter: from === undefined ? undefined : dayStart(from, 0),
    startedBefore: to === undefined ? undefined : dayStart(to, 1),
    sort,
  });
}

/** How many of the fields that are hidden behind a button are set. */
export function hiddenFilters({ tag, room, user, source, state, from, to }: LibraryFilter): number {
  return [tag, room, user, source, state, from, to].filter((value) => value !== undefined).length;
}

export function isGrowing({ state }: Pick<Asset, 'state'>): boolean {
  return state === 'recording' || state === 'interrupted';
}

function dayStart(day: string, laterDays: number): string {
  const [year = 0, month = 1, date = 1] = day.split('-').map(Number);
  return new Date(year, month - 1, date + laterDays).toISOString();
}

function withoutAbsent<Fields extends object>(
  fields: Fields,
): { [Name in keyof Fields]: Exclude<Fields[Name], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined && value !== '')) as never;
}
