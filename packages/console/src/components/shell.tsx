import { useQueryClient } from '@tanstack/react-query';
import { Button, Tooltip } from 'antd';
import type { ReactNode } from 'react';
import { consoleApi } from '../api.tsx';
import { useI18n } from '../i18n/i18n.tsx';
import { usePreferences } from '../preferences.tsx';
import { addressOf } from '../router.ts';
import { LanguageIcon, LibraryIcon, MoonIcon, RoomsIcon, SignOutIcon, SunIcon } from './icons.tsx';
import { Logo } from './logo.tsx';

interface ShellProps {
  readonly active: 'rooms' | 'library';
  readonly children: ReactNode;
}

/** The frame of the signed-in pages: a bar at the top, which on narrow screens has its pages at the bottom. */
export function Shell({ active, children }: ShellProps) {
  const { t } = useI18n();
  const queryClient = useQueryClient();
  const signOut = async () => {
    await consoleApi.signOut().catch(() => {
      // The session ends by itself; what counts here is that this page forgets it.
    });
    queryClient.clear();
    window.location.hash = '#/';
    window.location.reload();
  };
  const links = (
    <>
      <a className="nav-link" data-active={active === 'rooms'} href={addressOf.rooms()} data-testid="nav-rooms">
        <RoomsIcon />
        {t('nav.rooms')}
      </a>
      <a
        className="nav-link"
        data-active={active === 'library'}
        href={addressOf.library()}
        data-testid="nav-recordings"
      >
        <LibraryIcon />
        {t('nav.recordings')}
      </a>
    </>
  );
  return (
    <div className="shell">
      <header className="top-bar">
        <div className="top-bar-inner">
          <a href={addressOf.rooms()} className="logo-link">
            <Logo />
          </a>
          <nav className="nav-top">{links}</nav>
          <div className="spacer" />
          <LanguageSwitch />
          <SchemeSwitch />
          <Tooltip title={t('nav.signOut')}>
            <Button
              type="text"
              icon={<SignOutIcon />}
              aria-label={t('nav.signOut')}
              onClick={signOut}
              data-testid="sign-out"
            />
          </Tooltip>
        </div>
      </header>
      <main className="page">{children}</main>
      <nav className="nav-bottom">{links}</nav>
    </div>
  );
}

export function LanguageSwitch() {
  const { language, setLanguage } = usePreferences();
  const { t } = useI18n();
  return (
    <Tooltip title={t('nav.language')}>
      <Button
        type="text"
        className="language-switch"
        icon={<LanguageIcon />}
        aria-label={t('nav.language')}
        onClick={() => setLanguage(language === 'zh' ? 'en' : 'zh')}
        data-testid="language-switch"
      >
        {language === 'zh' ? 'EN' : '中文'}
      </Button>
    </Tooltip>
  );
}

export function SchemeSwitch() {
  const { scheme, setScheme } = usePreferences();
  const { t } = useI18n();
  const label = scheme === 'dark' ? t('nav.light') : t('nav.dark');
  return (
    <Tooltip title={label}>
      <Button
        type="text"
        icon={scheme === 'dark' ? <SunIcon /> : <MoonIcon />}
        aria-label={label}
        onClick={() => setScheme(scheme === 'dark' ? 'light' : 'dark')}
        data-testid="scheme-switch"
      />
    </Tooltip>
  );
}
