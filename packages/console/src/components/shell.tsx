import { useQueryClient } from '@tanstack/react-query';
import { Button, Tooltip } from 'antd';
import { lazy, type ReactNode, Suspense } from 'react';
import { consoleApi } from '../api.tsx';
import { useI18n } from '../i18n/i18n.tsx';
import { usePreferences } from '../preferences.tsx';
import { addressOf } from '../router.ts';
import { useUploads } from '../views/uploads/uploads.ts';
import {
  EventsIcon,
  LanguageIcon,
  LibraryIcon,
  MoonIcon,
  RoomsIcon,
  SettingsIcon,
  SignOutIcon,
  SunIcon,
  TasksIcon,
} from './icons.tsx';
import { Logo } from './logo.tsx';

const UploadDock = lazy(() => import('../views/uploads/upload-dock.tsx'));

export type Section = 'rooms' | 'library' | 'tasks' | 'events' | 'settings';

const sections: readonly { section: Section; address: string; icon: ReactNode; test: string }[] = [
  { section: 'rooms', address: addressOf.rooms(), icon: <RoomsIcon />, test: 'rooms' },
  { section: 'library', address: addressOf.library(), icon: <LibraryIcon />, test: 'recordings' },
  { section: 'tasks', address: addressOf.tasks(), icon: <TasksIcon />, test: 'tasks' },
  { section: 'events', address: addressOf.events(), icon: <EventsIcon />, test: 'events' },
  { section: 'settings', address: addressOf.settings(), icon: <SettingsIcon />, test: 'settings' },
];

interface ShellProps {
  readonly active: Section;
  readonly children: ReactNode;
}

/** The frame of the signed-in pages: a bar at the top, which on narrow screens has its pages at the bottom. */
export function Shell({ active, children }: ShellProps) {
  const { t } = useI18n();
  const queryClient = useQueryClient();
  const uploading = useUploads().length > 0;
  const signOut = async () => {
    await consoleApi.signOut().catch(() => {
      // The session ends by itself; what counts here is that this page forgets it.
    });
    queryClient.clear();
    window.location.hash = '#/';
    window.location.reload();
  };
  const links = sections.map(({ section, address, icon, test }) => (
    <a
      key={section}
      className="nav-link"
      data-active={active === section}
      {...(active === section && { 'aria-current': 'page' as const })}
      href={address}
      data-testid={`nav-${test}`}
    >
      {icon}
      <span>{t(`nav.${section === 'library' ? 'recordings' : section}`)}</span>
    </a>
  ));
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
      {uploading && (
        <Suspense>
          <UploadDock />
        </Suspense>
      )}
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
