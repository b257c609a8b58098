import { App, Input, Modal } from 'antd';
import { useState } from 'react';
import { Field } from '../../components/field.tsx';
import { useSubmit } from '../../components/use-submit.tsx';
import { useLibraryI18n } from '../../i18n/library-i18n.ts';
import { libraryApi } from '../../library-api.ts';
import { ClassSelect } from '../library/class-select.tsx';

/** Lets the server fetch a file from an address. */
export default function PullDialog({ classId: given, onClose }: { classId: number; onClose: () => void }) {
  const { t } = useLibraryI18n();
  const { message } = App.useApp();
  const [url, setUrl] = useState('');
  const [name, setName] = useState('');
  const [classId, setClassId] = useState(given);
  const proposed = nameOf(url);
  const pull = useSubmit(async () => {
    await libraryApi.pull({ url: url.trim(), fileName: name.trim() || proposed || url.trim(), classId });
    void message.success(t('pull.begun'));
    onClose();
  });
  return (
    <Modal
      open
      width={460}
      title={t('upload.pull')}
      okText={t('pull.ok')}
      cancelText={t('action.cancel')}
      okButtonProps={{ disabled: !/^https?:\/\/.+/.test(url.trim()), loading: pull.busy }}
      onOk={pull.submit}
      onCancel={onClose}
    >
      <div className="stack">
        {pull.problem}
        <Field label={t('pull.url')} hint={t('pull.hint')}>
          {(id) => (
            <Input
              id={id}
              autoFocus
              type="url"
              inputMode="url"
              value={url}
              maxLength={2000}
              placeholder="https://"
              onChange={(event) => setUrl(event.target.value)}
            />
          )}
        </Field>
        <Field label={t('library.name')}>
          {(id) => (
            <Input
              id={id}
              value={name}
              maxLength={1000}
              placeholder={proposed}
              onChange={(event) => setName(event.target.value)}
            />
          )}
        </Field>
        <Field label={t('library.class')}>
          {(id) => <ClassSelect id={id} value={classId} onChange={setClassId} />}
        </Field>
      </div>
    </Modal>
  );
}

/** The last part of an address's path. */
function nameOf(url: string): string {
  try {
    return decodeURIComponent(new URL(url.trim()).pathname.split('/').at(-1) ?? '');
  } catch {
    return '';
  }
}
