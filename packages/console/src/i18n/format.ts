import type { Language } from './dictionary.ts';

const locales: Record<Language, string> = { zh: 'zh-CN', en: 'en' };

function formatter(language: Language) {
  const locale = locales[language];
  const dateTimeFormat = new Intl.DateTimeFormat(locale, {
    year: 'numeric',
    month: 'short',
    day: 'numeric',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  });
  const timeFormat = new Intl.DateTimeFormat(locale, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
  const exactFormat = new Intl.DateTimeFormat(locale, {
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    fractionalSecondDigits: 3,
    hourCycle: 'h23',
  });
  const dayFormat = new Intl.DateTimeFormat(locale, { month: 'short', day: 'numeric', timeZone: 'UTC' });
  const oneDigit = new Intl.NumberFormat(locale, { maximumFractionDigits: 1 });
  const whole = new Intl.NumberFormat(locale);
  return {
    /** `0:07`, `12:34`, `1:02:03`. */
    duration: formatDuration,
    /** `12:34.5`, for places in a file. */
    timecode: (ms: number) => `${formatDuration(ms)}.${Math.floor((Math.max(0, ms) % 1000) / 100)}`,
    /** `3.4 MB`, in powers of 1000 as disks are sold. No line ends between a number and its unit. */
    size(bytes: number): string {
      const units = ['B', 'kB', 'MB', 'GB', 'TB'];
      const power = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(bytes) / 3));
      return `${oneDigit.format(bytes / 1000 ** power)}\u00a0${units[power]}`;
    },
    bitrate(bitrateBps: number): string {
      return bitrateBps >= 1e6
        ? `${oneDigit.format(bitrateBps / 1e6)}\u00a0Mbit/s`
        : `${whole.format(Math.round(bitrateBps / 1e3))}\u00a0kbit/s`;
    },
    /** `0.4 s`, `350 ms`. */
    milliseconds(ms: number): string {
      return ms >= 1000 ? `${oneDigit.format(ms / 1000)}\u00a0s` : `${whole.format(Math.round(ms))}\u00a0ms`;
    },
    number: (value: number) => oneDigit.format(value),
    dateTime: (iso: string) => dateTimeFormat.format(new Date(iso)),
    /** To the millisecond, as logs have it. */
    exactTime: (iso: string) => exactFormat.format(new Date(iso)),
    /** Of a day such as `2026-01-31`. */
    day: (day: string) => dayFormat.format(new Date(`${day}T00:00:00Z`)),
    count: (value: number) => whole.format(value),
    time: (iso: string) => timeFormat.format(new Date(iso)),
  };
}

export const formatters = { zh: formatter('zh'), en: formatter('en') };
export type Format = (typeof formatters)[Language];

function formatDuration(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const two = (value: number) => String(value).padStart(2, '0');
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor(seconds / 60) % 60;
  return hours > 0 ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
}
