import { usePreferences } from '../preferences.tsx';
import { dictionaries, type Language, type MessageKey } from './dictionary.ts';
import { formatters } from './format.ts';

export type Translate = (key: MessageKey, values?: Record<string, string | number>) => string;

/** Texts and number formats of the chosen language. */
export function useI18n() {
  const { language } = usePreferences();
  return { language, t: translators[language], format: formatters[language] };
}

const translators: Record<Language, Translate> = { zh: translator(dictionaries.zh), en: translator(dictionaries.en) };

/** Texts of one language by key, with values in their places. */
export function translator<Key extends string>(
  dictionary: Readonly<Record<Key, string>>,
): (key: Key, values?: Record<string, string | number>) => string {
  return (key, values = {}) =>
    dictionary[key].replace(/\{(\w+)\}/g, (placeholder, name: string) => String(values[name] ?? placeholder));
}
