import type { Parameters } from './parameters.ts';

/** The vendor writes times as they are in China, which has had no daylight saving time since 1991. */
const offsetMs = 8 * 3_600_000;

/** `2015-01-12 21:37:11` of a time in ISO 8601; empty for none. */
export function toVendorTime(iso: string | null): string {
  if (iso === null) return '';
  return new Date(Date.parse(iso) + offsetMs).toISOString().slice(0, 19).replace('T', ' ');
}

/**
 * ISO 8601 of a parameter such as `2015-01-12 21:37:11`, also with one digit where two are usual, or without time of day.
 * @throws AircheckError `request-invalid`
 */
export function fromVendorTime(parameters: Parameters, name: string): string {
  const pattern = /^(\d{4})-(\d{1,2})-(\d{1,2})(?: (\d{1,2}):(\d{1,2}):(\d{1,2}))?$/;
  const match = pattern.exec(parameters.required(name));
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] =
    match?.slice(1).map((part) => Number(part ?? 0)) ?? [];
  const local = new Date(Date.UTC(year, month - 1, day, hour, minute, second));
  // What rolls over, such as the 31st of April, is no time.
  const exact = local.getUTCMonth() === month - 1 && local.getUTCDate() === day && hour < 24 && minute < 60;
  if (match === null || !exact || second > 59)
    throw parameters.invalid(name, 'must be a time such as 2015-01-12 21:37:11');
  return new Date(local.getTime() - offsetMs).toISOString();
}

/** Seconds since 1970; 0 for no time. */
export function toUnixTime(iso: string | null): number {
  return iso === null ? 0 : Math.floor(Date.parse(iso) / 1000);
}
