import { useQueryClient } from '@tanstack/react-query';
import { App, Input, Modal } from 'antd';
import { useState } from 'react';
import { Field } from '../../components/field.tsx';
import { useSubmit } from '../../components/use-submit.tsx';
import { useLibraryI18n } from '../../i18n/library-i18n.ts';
import { libraryApi } from '../../library-api.ts';

const hourMs = 3_600_000;

/** Tells all events of a time range again. */
export function ReplayDialog({ subscriberId, onClose }: { subscriberId: string; onClose: () => void }) {
  const { t } = useLibraryI18n();
  const { message } = App.useApp();
  const queryClient = useQueryClient();
  const [from, setFrom] = useState(() => toLocal(Date.now() - hourMs));
  const [to, setTo] = useState(() => toLocal(Date.now() + 60_000));
  const ready = from !== '' && to !== '' && from < to;
  const replay = useSubmit(async () => {
    const { deliveries } = await libraryApi.replay(subscriberId, {
      from: new Date(from).toISOString(),
      to: new Date(to).toISOString(),
    });
    void message.success(t('replay.done', { count: deliveries }));
    await queryClient.invalidateQueries({ queryKey: ['deliveries'] });
    onClose();
  });
  return (
    <Modal
      open
      width={420}
      title={t('replay.title')}
      okText={t('replay.ok')}
      cancelText={t('action.cancel')}
      okButtonProps={{ disabled: !ready, loading: replay.busy }}
      onOk={replay.submit}
      onCancel={onClose}
    >
      <div className="stack">
        {replay.problem}
        <p className="muted">{t('replay.text')}</p>
        <Field label={t('filter.from')}>
          {(id) => (
            <Input id={id} type="datetime-local" value={from} onChange={(event) => setFrom(event.target.value)} />
          )}
        </Field>
        <Field label={t('filter.to')}>
          {(id) => <Input id={id} type="datetime-local" value={to} onChange={(event) => setTo(event.target.value)} />}
        </Field>
      </div>
    </Modal>
  );
}

/** A time as `datetime-local` inputs have it: the reader's own, to the minute. */
function toLocal(ms: number): string {
  return new Date(ms - new Date(ms).getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}
