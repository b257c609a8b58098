import { errorKinds } from '@aircheck/protocol/errors';
import { describe, expect, test } from 'vitest';
import { dictionaries } from '../src/i18n/dictionary.ts';
import { libraryEn } from '../src/i18n/library-en.ts';
import { libraryZh } from '../src/i18n/library-zh.ts';

const zh = { ...dictionaries.zh, ...libraryZh };
const en = { ...dictionaries.en, ...libraryEn };
const placeholders = (text: string) => [...text.matchAll(/\{\w+\}/g)].map(([name]) => name).sort();

describe('the dictionary', () => {
  test('has every text in both languages, none of them empty', () => {
    expect(Object.keys(zh).sort()).toEqual(Object.keys(en).sort());
    for (const [key, text] of [...Object.entries(zh), ...Object.entries(en)]) expect(text.trim(), key).not.toBe('');
  });

  test('has the same places for values in both languages', () => {
    for (const [key, text] of Object.entries(en)) {
      expect(placeholders(zh[key as keyof typeof zh]), key).toEqual(placeholders(text));
    }
  });

  test('is Chinese in Chinese, but for names, and without Chinese in English, but for the switch', () => {
    const names = ['nav.language', 'signIn.key', 'signIn.secret', 'upload.why'];
    const wrong = Object.keys(en).filter((key) => {
      const name = key as keyof typeof en;
      return !names.includes(key) && (!/\p{Script=Han}/u.test(zh[name]) || /\p{Script=Han}/u.test(en[name]));
    });
    expect(wrong).toEqual([]);
  });

  test('has no text twice: the first page’s and the library’s do not overlap', () => {
    expect(Object.keys(libraryEn).filter((key) => key in dictionaries.en)).toEqual([]);
  });

  test('has words for every error there is', () => {
    const missing = Object.keys(errorKinds).filter((code) => !(`error.${code}` in en));
    expect(missing).toEqual([]);
  });

  test('gives advice for errors that there are', () => {
    const advised = Object.keys(en).flatMap((key) => /^advice\.(.*)/.exec(key)?.[1] ?? []);
    expect(advised).toContain('unauthenticated');
    expect(advised.filter((code) => !(code in errorKinds))).toEqual([]);
  });
});
