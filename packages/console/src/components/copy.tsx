import { App, Button, Tooltip } from 'antd';
import { useEffect, useState } from 'react';
import { useI18n } from '../i18n/i18n.tsx';
import { CheckIcon, CopyIcon } from './icons.tsx';

/** Puts a text on the clipboard. @returns whether that worked */
export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyBySelection(text);
  }
}

/** Pages that are not served over HTTPS have no clipboard API. */
function copyBySelection(text: string): boolean {
  const area = document.createElement('textarea');
  area.value = text;
  area.style.position = 'fixed';
  document.body.append(area);
  area.select();
  const copied = document.execCommand('copy');
  area.remove();
  return copied;
}

/** Returns a function that copies a text and says so. */
export function useCopy(): (text: string, said: string) => Promise<void> {
  const { message } = App.useApp();
  const { t } = useI18n();
  return async (text, said) => {
    if (await copyText(text)) message.success(said);
    else message.error(t('copy.failed'));
  };
}

/** A text to take along, with a button that copies it. */
export function CopyField({ label, value, multiline = false }: { label: string; value: string; multiline?: boolean }) {
  const { t } = useI18n();
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return;
    const timer = setTimeout(() => setCopied(false), 2_000);
    return () => clearTimeout(timer);
  }, [copied]);
  return (
    <div className="copy-field">
      {label !== '' && <div className="field-label">{label}</div>}
      <div className="copy-box" data-multiline={multiline}>
        <code>{value}</code>
        <Tooltip title={copied ? t('copy.done') : t('copy.copy')}>
          <Button
            type="text"
            size="small"
            icon={copied ? <CheckIcon size={16} /> : <CopyIcon size={16} />}
            aria-label={`${t('copy.copy')} ${label}`}
            onClick={async () => setCopied(await copyText(value))}
          />
        </Tooltip>
      </div>
    </div>
  );
}
