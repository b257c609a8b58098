import { dictionaries, type Language, type MessageKey } from './dictionary.ts';
import { translator, useI18n } from './i18n.tsx';
import { libraryEn } from './library-en.ts';
import { libraryZh } from './library-zh.ts';

/** Texts of the library's pages, which the first page does not load, and of all others. */
export type LibraryKey = MessageKey | keyof typeof libraryEn;
export type LibraryTranslate = (key: LibraryKey, values?: Record<string, string | number>) => string;

export const libraryDictionaries: Record<Language, Record<keyof typeof libraryEn, string>> = {
  zh: libraryZh,
  en: libraryEn,
};

const translators: Record<Language, LibraryTranslate> = {
  zh: translator({ ...dictionaries.zh, ...libraryZh }),
  en: translator({ ...dictionaries.en, ...libraryEn }),
};

/** As {@link useI18n}, with the library's texts. */
export function useLibraryI18n() {
  const { language, format } = useI18n();
  return { language, t: translators[language], format };
}
