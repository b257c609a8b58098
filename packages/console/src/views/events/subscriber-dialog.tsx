import type { CreateSubscriberRequest, Subscriber, SubscriberKind } from '@aircheck/protocol';
import { useQueryClient } from '@tanstack/react-query';
import { App, type ButtonProps, Input, Modal, Select } from 'antd';
import { useState } from 'react';
import { queryKeys } from '../../api.tsx';
import { CopyField } from '../../components/copy.tsx';
import { Field } from '../../components/field.tsx';
import { useSubmit } from '../../components/use-submit.tsx';
import { useLibraryI18n } from '../../i18n/library-i18n.ts';
import { libraryApi } from '../../library-api.ts';
import { eventTypes, queueKinds, subscriberKinds } from './event-types.ts';

interface SubscriberDialogProps {
  /** Absent: a new one. */
  readonly subscriber?: Subscriber;
  onClose(): void;
}

/** Makes or changes a subscriber; the secret of a new one is shown once. */
export function SubscriberDialog({ subscriber, onClose }: SubscriberDialogProps) {
  const { t } = useLibraryI18n();
  const { message } = App.useApp();
  const queryClient = useQueryClient();
  const [name, setName] = useState(subscriber?.name ?? '');
  const [kind, setKind] = useState<SubscriberKind>(subscriber?.kind ?? 'webhook');
  const [url, setUrl] = useState(subscriber?.url ?? '');
  const [types, setTypes] = useState<string[]>(subscriber?.types ?? ['*']);
  const [appKey, setAppKey] = useState(subscriber?.options.appKey ?? '');
  const [secret, setSecret] = useState('');
  const [created, setCreated] = useState<string>();
  const withUrl = !queueKinds.includes(kind);
  const ready =
    name.trim() !== '' &&
    types.length > 0 &&
    (!withUrl || /^https?:\/\/.+/.test(url.trim())) &&
    (kind !== 'yunxin' || appKey.trim() !== '');

  const save = useSubmit(async () => {
    const common = {
      name: name.trim(),
      ...(withUrl && { url: url.trim() }),
      types: types as NonNullable<CreateSubscriberRequest['types']>,
      ...(kind === 'yunxin' && { options: { ...subscriber?.options, appKey: appKey.trim() } }),
    };
    if (subscriber === undefined) {
      const made = await libraryApi.createSubscriber({ ...common, kind, ...(secret !== '' && { secret }) });
      setCreated(made.secret);
    } else {
      await libraryApi.updateSubscriber(subscriber.subscriberId, common);
      void message.success(t('asset.saved'));
    }
    await queryClient.invalidateQueries({ queryKey: queryKeys.subscribers });
    if (subscriber !== undefined) onClose();
  });

  if (created !== undefined) {
    return (
      <Modal
        open
        width={520}
        title={t('subscriber.madeTitle')}
        okText={t('subscriber.kept')}
        cancelButtonProps={{ style: { display: 'none' } }}
        okButtonProps={{ 'data-testid': 'secret-kept' } as ButtonProps}
        mask={{ closable: false }}
        onOk={onClose}
        onCancel={onClose}
      >
        <div className="stack" data-testid="new-secret">
          <p>{t('subscriber.secretOnce')}</p>
          <CopyField label={t('subscriber.secret')} value={created} />
        </div>
      </Modal>
    );
  }
  return (
    <Modal
      open
      width={520}
      title={t(subscriber === undefined ? 'subscriber.new' : 'subscriber.edit')}
      okText={t(subscriber === undefined ? 'action.create' : 'action.save')}
      cancelText={t('action.cancel')}
      okButtonProps={{ disabled: !ready, loading: save.busy, 'data-testid': 'save-subscriber' } as ButtonProps}
      onOk={save.submit}
      onCancel={onClose}
    >
      <div className="stack">
        {save.problem}
        <Field label={t('library.name')}>
          {(id) => (
            <Input
              id={id}
              autoFocus
              value={name}
              maxLength={100}
              onChange={(event) => setName(event.target.value)}
              data-testid="subscriber-name"
            />
          )}
        </Field>
        <Field label={t('subscriber.kind')} hint={t(`subscriberHint.${kind}`)}>
          {(id) => (
            <Select<SubscriberKind>
              id={id}
              value={kind}
              disabled={subscriber !== undefined}
              onChange={setKind}
              options={subscriberKinds.map((value) => ({ value, label: t(`subscriberKind.${value}`) }))}
            />
          )}
        </Field>
        {withUrl && (
          <Field label={t('subscriber.url')}>
            {(id) => (
              <Input
                id={id}
                type="url"
                inputMode="url"
                value={url}
                maxLength={2000}
                placeholder="https://"
                onChange={(event) => setUrl(event.target.value)}
                data-testid="subscriber-url"
              />
            )}
          </Field>
        )}
        {kind === 'yunxin' && (
          <Field label="AppKey">
            {(id) => (
              <Input id={id} value={appKey} maxLength={200} onChange={(event) => setAppKey(event.target.value)} />
            )}
          </Field>
        )}
        <Field label={t('subscriber.types')}>
          {(id) => (
            <Select
              id={id}
              mode="multiple"
              value={types}
              onChange={(values: string[]) => setTypes(withoutCovered(values))}
              options={eventTypes.map((value) => ({ value, label: value === '*' ? t('subscriber.all') : value }))}
            />
          )}
        </Field>
        {subscriber === undefined && (
          <Field label={t('subscriber.ownSecret')} hint={t('subscriber.ownSecretHint')}>
            {(id) => (
              <Input.Password
                id={id}
                value={secret}
                maxLength={200}
                autoComplete="new-password"
                onChange={(event) => setSecret(event.target.value)}
              />
            )}
          </Field>
        )}
      </div>
    </Modal>
  );
}

/** "All" alone stands for all; what is chosen after it narrows it down again. */
function withoutCovered(values: string[]): string[] {
  return values.at(-1) === '*' ? ['*'] : values.filter((value) => value !== '*');
}
