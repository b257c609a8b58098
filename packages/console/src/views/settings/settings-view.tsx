import { useLibraryI18n } from '../../i18n/library-i18n.ts';
import { addressOf, type SettingsTab, settingsTabs } from '../../router.ts';
import { GeneralSettings } from './general-settings.tsx';
import { ProcedureSettings } from './procedure-settings.tsx';
import { StatisticsPage } from './statistics-page.tsx';
import { TranscodeSettings } from './transcode-settings.tsx';
import { WatermarkSettings } from './watermark-settings.tsx';
import '../../library.css';

const pages: Record<SettingsTab, () => React.ReactNode> = {
  general: () => <GeneralSettings />,
  transcode: () => <TranscodeSettings />,
  watermarks: () => <WatermarkSettings />,
  procedures: () => <ProcedureSettings />,
  statistics: () => <StatisticsPage />,
};

/** On narrow screens the pages stand in a row that scrolls. */
function intoView(link: HTMLElement | null): void {
  link?.scrollIntoView({ block: 'nearest', inline: 'center' });
}

/** What holds for the whole library. */
export default function SettingsView({ tab }: { tab: SettingsTab }) {
  const { t } = useLibraryI18n();
  return (
    <>
      <div className="page-head">
        <div>
          <h1>{t('settings.title')}</h1>
          <p className="muted">{t('settings.subtitle')}</p>
        </div>
      </div>
      <div className="settings">
        <nav className="settings-nav" aria-label={t('settings.title')}>
          {settingsTabs.map((one) => (
            <a
              key={one}
              {...(one === tab && { ref: intoView })}
              className="nav-link"
              data-active={one === tab}
              {...(one === tab && { 'aria-current': 'page' as const })}
              href={addressOf.settings(one)}
              data-testid={`settings-${one}`}
            >
              {t(`settings.${one}`)}
            </a>
          ))}
        </nav>
        <div className="settings-main">{pages[tab]()}</div>
      </div>
    </>
  );
}
