import type { AppSettings, RetentionRule } from '@aircheck/protocol';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { App, Button, Input, InputNumber, Skeleton, Switch } from 'antd';
import { useState } from 'react';
import { queryKeys } from '../../api.tsx';
import { Field } from '../../components/field.tsx';
import { PlusIcon, TrashIcon } from '../../components/icons.tsx';
import { ProblemAlert } from '../../components/problem.tsx';
import { useSubmit } from '../../components/use-submit.tsx';
import { useLibraryI18n } from '../../i18n/library-i18n.ts';
import { libraryApi } from '../../library-api.ts';
import { ClassSelect } from '../library/class-select.tsx';
import { useClasses } from '../library/use-classes.ts';

const everyClass = -1;

/** How long files are kept, and what links of the vendor's form need. */
export function GeneralSettings() {
  const settings = useQuery({ queryKey: queryKeys.settings, queryFn: ({ signal }) => libraryApi.settings(signal) });
  const rules = useQuery({
    queryKey: queryKeys.retentionRules,
    queryFn: ({ signal }) => libraryApi.retentionRules(signal),
  });
  const error = settings.error ?? rules.error;
  if (error !== null) return <ProblemAlert error={error} onRetry={() => void settings.refetch()} />;
  if (settings.data === undefined || rules.data === undefined) return <Skeleton active />;
  return (
    <div className="stack">
      <SettingsForm key={JSON.stringify(settings.data)} settings={settings.data} />
      <RetentionForm key={JSON.stringify(rules.data)} rules={rules.data.items} />
    </div>
  );
}

function SettingsForm({ settings }: { settings: AppSettings }) {
  const { t } = useLibraryI18n();
  const { message } = App.useApp();
  const queryClient = useQueryClient();
  const [draft, setDraft] = useState(settings);
  const changed = JSON.stringify(draft) !== JSON.stringify(settings);
  const save = useSubmit(async () => {
    queryClient.setQueryData(queryKeys.settings, await libraryApi.updateSettings(draft));
    void message.success(t('asset.saved'));
  });
  const hotlink = draft.hotlinkKey;
  return (
    <form
      className="card stack"
      onSubmit={(event) => {
        event.preventDefault();
        void save.submit();
      }}
    >
      {save.problem}
      <h4>{t('settings.bin')}</h4>
      <Field label={t('settings.recycleDays')} hint={t('settings.recycleDaysHint')}>
        {(id) => (
          <InputNumber
            id={id}
            min={0}
            max={365}
            precision={0}
            value={draft.recycleDays}
            onChange={(value) => setDraft({ ...draft, recycleDays: value ?? 0 })}
            data-testid="recycle-days"
          />
        )}
      </Field>
      <h4>{t('settings.hotlink')}</h4>
      <div className="switch-row">
        <Switch
          checked={hotlink !== null}
          onChange={(on) => setDraft({ ...draft, hotlinkKey: on ? (settings.hotlinkKey ?? newKey()) : null })}
          aria-label={t('settings.hotlink')}
        />
        <span className="muted">{t('settings.hotlinkText')}</span>
      </div>
      {hotlink !== null && (
        <Field label={t('settings.hotlinkKey')} hint={t('settings.hotlinkHint')}>
          {(id) => (
            <Input
              id={id}
              value={hotlink}
              maxLength={20}
              spellCheck={false}
              status={/^[0-9A-Za-z]{8,20}$/.test(hotlink) ? '' : 'error'}
              onChange={(event) => setDraft({ ...draft, hotlinkKey: event.target.value })}
            />
          )}
        </Field>
      )}
      <h4>{t('settings.vendor')}</h4>
      <div className="two-columns">
        <Field label="sdkAppId" hint={t('settings.sdkAppIdHint')}>
          {(id) => (
            <InputNumber
              id={id}
              min={1}
              max={2 ** 31 - 1}
              precision={0}
              controls={false}
              value={draft.sdkAppId}
              onChange={(value) => value !== null && setDraft({ ...draft, sdkAppId: value })}
            />
          )}
        </Field>
        <Field label="bizId" hint={t('settings.bizIdHint')}>
          {(id) => (
            <Input
              id={id}
              value={draft.bizId}
              maxLength={20}
              onChange={(event) => setDraft({ ...draft, bizId: event.target.value })}
            />
          )}
        </Field>
      </div>
      <Button
        className="form-button"
        type="primary"
        htmlType="submit"
        loading={save.busy}
        disabled={!changed}
        data-testid="save-settings"
      >
        {t('action.save')}
      </Button>
    </form>
  );
}

function RetentionForm({ rules }: { rules: readonly RetentionRule[] }) {
  const { t } = useLibraryI18n();
  const { message } = App.useApp();
  const queryClient = useQueryClient();
  const classes = useClasses();
  const [draft, setDraft] = useState<RetentionRule[]>([...rules]);
  const changed = JSON.stringify(draft) !== JSON.stringify(rules);
  const free = (own?: number) =>
    classes.filter(({ classId }) => classId === own || !draft.some((rule) => rule.classId === classId));
  const add = () => {
    const classId = draft.some((rule) => rule.classId === everyClass) ? free()[0]?.classId : everyClass;
    if (classId !== undefined) setDraft([...draft, { classId, days: 30 }]);
  };
  const change = (index: number, fields: Partial<RetentionRule>) =>
    setDraft(draft.map((rule, at) => (at === index ? { ...rule, ...fields } : rule)));
  const save = useSubmit(async () => {
    queryClient.setQueryData(queryKeys.retentionRules, await libraryApi.putRetentionRules(draft));
    void message.success(t('asset.saved'));
  });
  return (
    <form
      className="card stack"
      onSubmit={(event) => {
        event.preventDefault();
        void save.submit();
      }}
    >
      {save.problem}
      <h4>{t('retention.title')}</h4>
      <p className="muted">{t('retention.text')}</p>
      {draft.map((rule, index) => (
        <div key={rule.classId} className="rule-row">
          <ClassSelect
            value={rule.classId}
            onChange={(classId) => change(index, { classId })}
            classes={free(rule.classId)}
            {...((rule.classId === everyClass || !draft.some(({ classId }) => classId === everyClass)) && {
              first: { value: everyClass, label: t('retention.every') },
            })}
          />
          <InputNumber
            min={1}
            max={36_500}
            precision={0}
            value={rule.days}
            suffix={t('retention.days')}
            aria-label={t('retention.days')}
            onChange={(value) => change(index, { days: value ?? 1 })}
          />
          <Button
            type="text"
            danger
            icon={<TrashIcon size={16} />}
            aria-label={t('action.delete')}
            onClick={() => setDraft(draft.filter((_, at) => at !== index))}
          />
        </div>
      ))}
      <div className="row">
        <Button
          icon={<PlusIcon />}
          onClick={add}
          disabled={free().length === 0 && draft.some(({ classId }) => classId === everyClass)}
        >
          {t('retention.add')}
        </Button>
        <Button type="primary" htmlType="submit" loading={save.busy} disabled={!changed}>
          {t('action.save')}
        </Button>
      </div>
    </form>
  );
}

/** Sixteen random letters and digits. */
function newKey(): string {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => (byte % 36).toString(36)).join('');
}
