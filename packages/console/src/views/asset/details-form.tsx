import type { Asset } from '@aircheck/protocol';
import { useQueryClient } from '@tanstack/react-query';
import { App, Button, Input, Select } from 'antd';
import { useState } from 'react';
import { queryKeys } from '../../api.tsx';
import { Field } from '../../components/field.tsx';
import { useSubmit } from '../../components/use-submit.tsx';
import { useLibraryI18n } from '../../i18n/library-i18n.ts';
import { libraryApi } from '../../library-api.ts';
import { ClassSelect } from '../library/class-select.tsx';

/** What people say about a file: changed here, kept by the button. */
export function DetailsForm({ asset }: { asset: Asset }) {
  const { t } = useLibraryI18n();
  const { message } = App.useApp();
  const queryClient = useQueryClient();
  const [fileName, setFileName] = useState(asset.fileName);
  const [intro, setIntro] = useState(asset.intro);
  const [classId, setClassId] = useState(asset.classId);
  const [tags, setTags] = useState(asset.tags);
  const [expiry, setExpiry] = useState(asset.expiresAt === null ? '' : toLocal(asset.expiresAt));
  const recycled = asset.state === 'recycled' || asset.state === 'deleting';
  const changes = {
    ...(fileName.trim() !== asset.fileName && { fileName: fileName.trim() }),
    ...(intro !== asset.intro && { intro }),
    ...(classId !== asset.classId && { classId }),
    ...(tags.join('\n') !== asset.tags.join('\n') && { tags }),
    ...(expiry !== (asset.expiresAt === null ? '' : toLocal(asset.expiresAt)) && {
      expiresAt: expiry === '' ? null : new Date(expiry).toISOString(),
    }),
  };
  const changed = Object.keys(changes).length > 0;
  const save = useSubmit(async () => {
    const updated = await libraryApi.updateAsset(asset.fileId, changes);
    void message.success(t('asset.saved'));
    queryClient.setQueryData(queryKeys.asset(asset.fileId), updated);
    await queryClient.invalidateQueries({ queryKey: ['assets'] });
    await queryClient.invalidateQueries({ queryKey: queryKeys.classes });
  });
  return (
    <form
      className="stack details-form"
      onSubmit={(event) => {
        event.preventDefault();
        void save.submit();
      }}
    >
      {save.problem}
      <Field label={t('library.name')}>
        {(id) => (
          <Input
            id={id}
            value={fileName}
            maxLength={1000}
            disabled={recycled}
            onChange={(event) => setFileName(event.target.value)}
            data-testid="asset-name"
          />
        )}
      </Field>
      <Field label={t('asset.intro')}>
        {(id) => (
          <Input.TextArea
            id={id}
            value={intro}
            maxLength={2000}
            autoSize={{ minRows: 2, maxRows: 8 }}
            disabled={recycled}
            onChange={(event) => setIntro(event.target.value)}
          />
        )}
      </Field>
      <Field label={t('library.class')}>
        {(id) => <ClassSelect id={id} value={classId} onChange={setClassId} disabled={recycled} />}
      </Field>
      <Field label={t('library.tags')}>
        {(id) => (
          <Select
            id={id}
            mode="tags"
            open={false}
            suffixIcon={null}
            maxCount={32}
            value={tags}
            disabled={recycled}
            onChange={(values: string[]) => setTags(values.map((tag) => tag.trim().slice(0, 64)).filter(Boolean))}
            tokenSeparators={[',', '，', ';']}
            placeholder={t('tags.placeholder')}
            data-testid="asset-tags"
          />
        )}
      </Field>
      <Field label={t('asset.expiry')} hint={t('asset.expiryHint')}>
        {(id) => (
          <Input
            id={id}
            type="datetime-local"
            value={expiry}
            disabled={recycled}
            onChange={(event) => setExpiry(event.target.value)}
          />
        )}
      </Field>
      <Button
        type="primary"
        htmlType="submit"
        loading={save.busy}
        disabled={!changed || fileName.trim() === ''}
        data-testid="save-details"
      >
        {t('action.save')}
      </Button>
    </form>
  );
}

/** Everything that the form shows, to tell whether it has changed. */
export function detailsOf({ fileName, intro, classId, tags, expiresAt }: Asset): string {
  return JSON.stringify([fileName, intro, classId, tags, expiresAt]);
}

/** A time as `datetime-local` inputs have it: the reader's own, to the minute. */
function toLocal(iso: string): string {
  const date = new Date(iso);
  return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}
