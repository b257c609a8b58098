import { AircheckError } from '@aircheck/web';
import { Alert, App, Button } from 'antd';
import { useCallback } from 'react';
import { dictionaries, type Language, type MessageKey } from '../i18n/dictionary.ts';
import { type Translate, useI18n } from '../i18n/i18n.tsx';

/** What browsers call the ways in which a camera, microphone or screen can't be had. */
const deviceProblems: Record<string, MessageKey> = {
  NotAllowedError: 'device.notAllowed',
  SecurityError: 'device.notAllowed',
  NotFoundError: 'device.notFound',
  OverconstrainedError: 'device.notFound',
  NotReadableError: 'device.inUse',
  AbortError: 'device.inUse',
};

/**
 * An error in words: what happened, and what to do. The server speaks English: there it says more about the very case,
 * elsewhere the dictionary's advice stands in its place.
 */
export function describeProblem(
  error: unknown,
  { t, language }: { readonly t: Translate; readonly language: Language },
): { readonly title: string; readonly detail: string } {
  if (error instanceof AircheckError) {
    const key = `advice.${error.code}`;
    const advice = key in dictionaries[language] ? t(key as MessageKey) : '';
    // Which input is wrong and why, only the server knows.
    const said =
      language === 'en' || error.code === 'request-invalid' ? [error.message, error.hint ?? advice] : [advice];
    return { title: t(`error.${error.code}`), detail: said.map(asSentence).join(' ').trim() };
  }
  if (error instanceof DOMException) {
    const key = deviceProblems[error.name];
    if (key !== undefined) return { title: t(key), detail: '' };
  }
  return { title: t('error.internal'), detail: error instanceof Error ? error.message : '' };
}

function asSentence(text: string): string {
  return text === '' || /[.!?。]$/.test(text) ? text : `${text}.`;
}

/** An error in place of, or above, what could not be shown. */
export function ProblemAlert({ error, onRetry }: { error: unknown; onRetry?: () => void }) {
  const { t, language } = useI18n();
  const { title, detail } = describeProblem(error, { t, language });
  return (
    <Alert
      type="error"
      showIcon
      title={title}
      description={detail}
      data-testid="problem"
      action={
        onRetry === undefined ? undefined : (
          <Button size="small" onClick={onRetry}>
            {t('action.retry')}
          </Button>
        )
      }
    />
  );
}

/** Returns a function that shows an error for some seconds. */
export function useProblemToast(): (error: unknown) => void {
  const { notification } = App.useApp();
  const { t, language } = useI18n();
  return useCallback(
    (error) => {
      const { title, detail } = describeProblem(error, { t, language });
      notification.error({ title, description: detail, placement: 'top', duration: 6 });
    },
    [notification, t, language],
  );
}
