import { createContext, type ReactNode, useContext, useEffect, useMemo, useState, useSyncExternalStore } from 'react';
import type { Language } from './i18n/dictionary.ts';
import type { ColorScheme } from './theme.ts';

interface Preferences {
  readonly language: Language;
  setLanguage(language: Language): void;
  readonly scheme: ColorScheme;
  setScheme(scheme: ColorScheme): void;
}

const Context = createContext<Preferences | undefined>(undefined);
const keys = { language: 'aircheck.language', scheme: 'aircheck.scheme', userName: 'aircheck.user' } as const;

/** Language and colours: what the user chose, else what the browser says. */
export function PreferencesProvider({ children }: { children: ReactNode }) {
  const systemScheme = useSystemScheme();
  const [language, setLanguage] = useState<Language>(
    () => oneOf(read('language'), ['zh', 'en']) ?? (/^zh/i.test(navigator.language) ? 'zh' : 'en'),
  );
  const [chosenScheme, setScheme] = useState<ColorScheme | undefined>(() => oneOf(read('scheme'), ['light', 'dark']));
  const scheme = chosenScheme ?? systemScheme;

  useEffect(() => {
    document.documentElement.lang = language === 'zh' ? 'zh-CN' : 'en';
  }, [language]);
  useEffect(() => {
    document.documentElement.dataset.scheme = scheme;
  }, [scheme]);

  const value = useMemo<Preferences>(
    () => ({
      language,
      scheme,
      setLanguage: (chosen) => {
        write('language', chosen);
        setLanguage(chosen);
      },
      setScheme: (chosen) => {
        write('scheme', chosen);
        setScheme(chosen);
      },
    }),
    [language, scheme],
  );
  return <Context value={value}>{children}</Context>;
}

export function usePreferences(): Preferences {
  const preferences = useContext(Context);
  if (preferences === undefined) throw new Error('usePreferences outside of PreferencesProvider');
  return preferences;
}

/** The name the user went by last time. */
export function rememberedUserName(): string {
  return read('userName') ?? '';
}

export function rememberUserName(userName: string): void {
  write('userName', userName);
}

function useSystemScheme(): ColorScheme {
  return useSyncExternalStore<ColorScheme>(
    (listener) => {
      const query = window.matchMedia('(prefers-color-scheme: dark)');
      query.addEventListener('change', listener);
      return () => query.removeEventListener('change', listener);
    },
    () => (window.matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light'),
  );
}

function oneOf<Value extends string>(value: string | null, values: readonly Value[]): Value | undefined {
  return values.find((one) => one === value);
}

function read(name: keyof typeof keys): string | null {
  try {
    return localStorage.getItem(keys[name]);
  } catch {
    // Storage is forbidden in some private windows; preferences then last as long as the page.
    return null;
  }
}

function write(name: keyof typeof keys, value: string): void {
  try {
    localStorage.setItem(keys[name], value);
  } catch {
    // As above.
  }
}
