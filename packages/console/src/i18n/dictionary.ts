import { en } from './en.ts';
import { zh } from './zh.ts';

export type Language = 'zh' | 'en';

/** Names of all texts; every language has them all. */
export type MessageKey = keyof typeof en;

/** Texts by language. `{name}` is a place for a value. */
export const dictionaries: Record<Language, Record<MessageKey, string>> = { zh, en };
