import { useQueryClient } from '@tanstack/react-query';
import { Button, Form, Input, Spin } from 'antd';
import { useEffect, useRef, useState } from 'react';
import { consoleApi, queryKeys } from '../../api.tsx';
import { LibraryIcon, RecordIcon, SoundIcon } from '../../components/icons.tsx';
import { Logo } from '../../components/logo.tsx';
import { ProblemAlert } from '../../components/problem.tsx';
import { LanguageSwitch, SchemeSwitch } from '../../components/shell.tsx';
import { useI18n } from '../../i18n/i18n.tsx';
import { addressOf, replaceAddress } from '../../router.ts';

interface Credentials {
  readonly key: string;
  readonly secret: string;
}

/** Signing in with key and secret, or by itself with the one-time code of a link. */
export function SignInView({ code }: { code: string | undefined }) {
  const { t } = useI18n();
  const queryClient = useQueryClient();
  const [error, setError] = useState<unknown>();
  const [busy, setBusy] = useState(code !== undefined);
  const codeUsed = useRef(false);

  const signIn = async (request: Credentials | { code: string }) => {
    setBusy(true);
    setError(undefined);
    try {
      const session = await consoleApi.signIn(request);
      // The question who is signed in may still be under way from before; its answer is not true any more.
      await queryClient.cancelQueries({ queryKey: queryKeys.session });
      queryClient.setQueryData(queryKeys.session, session);
      if ('code' in request) replaceAddress(addressOf.rooms());
    } catch (problem) {
      setError(problem);
      setBusy(false);
    }
  };

  useEffect(() => {
    // The code is good for one use: a second try would be refused and hide that the first one worked.
    if (code === undefined || codeUsed.current) return;
    codeUsed.current = true;
    void signIn({ code });
  });

  return (
    <div className="sign-in">
      <aside className="sign-in-side">
        <Logo />
        <div>
          <h1>{t('signIn.headline')}</h1>
          <ul className="sign-in-points">
            <li>
              <RecordIcon size={20} />
              {t('signIn.point1')}
            </li>
            <li>
              <SoundIcon size={20} />
              {t('signIn.point2')}
            </li>
            <li>
              <LibraryIcon size={20} />
              {t('signIn.point3')}
            </li>
          </ul>
        </div>
        <Wave />
      </aside>
      <main className="sign-in-main">
        <div className="sign-in-switches">
          <LanguageSwitch />
          <SchemeSwitch />
        </div>
        <div className="sign-in-card">
          <div className="sign-in-mobile-logo">
            <Logo />
          </div>
          <h2>{t('signIn.title')}</h2>
          <p className="muted">{t('signIn.subtitle')}</p>
          {error !== undefined && <ProblemAlert error={error} />}
          {busy && code !== undefined ? (
            <div className="sign-in-busy">
              <Spin />
              <span>{t('signIn.withLink')}</span>
            </div>
          ) : (
            <Form<Credentials> layout="vertical" requiredMark={false} onFinish={signIn} size="large">
              <Form.Item
                name="key"
                label={t('signIn.key')}
                rules={[{ required: true, whitespace: true, message: t('signIn.keyMissing') }]}
              >
                <Input autoComplete="username" spellCheck={false} data-testid="sign-in-key" />
              </Form.Item>
              <Form.Item
                name="secret"
                label={t('signIn.secret')}
                rules={[{ required: true, whitespace: true, message: t('signIn.secretMissing') }]}
              >
                <Input.Password autoComplete="current-password" data-testid="sign-in-secret" />
              </Form.Item>
              <Button type="primary" htmlType="submit" block loading={busy} data-testid="sign-in-submit">
                {t('signIn.submit')}
              </Button>
            </Form>
          )}
          <details className="sign-in-help">
            <summary>{t('signIn.whereTitle')}</summary>
            <ol>
              <li>{t('signIn.where1')}</li>
              <li>
                {t('signIn.where2')} <code>data/credentials.json</code>
              </li>
              <li>
                {t('signIn.where3')} <code>AIRCHECK_API_KEY</code>, <code>AIRCHECK_API_SECRET</code>
              </li>
            </ol>
          </details>
        </div>
      </main>
    </div>
  );
}

/** A quiet picture of sound: bars whose heights follow two sines. */
function Wave() {
  const bars = Array.from({ length: 56 }, (_, index) => {
    const height = 18 + 46 * Math.abs(Math.sin(index * 0.37) * Math.cos(index * 0.11 + 0.4));
    return { x: index * 10 + 5, height };
  });
  return (
    <svg className="sign-in-wave" viewBox="0 0 560 80" preserveAspectRatio="xMidYMid slice" aria-hidden="true">
      {bars.map(({ x, height }) => (
        <line key={x} x1={x} x2={x} y1={40 - height / 2} y2={40 + height / 2} strokeWidth="4" strokeLinecap="round" />
      ))}
    </svg>
  );
}
