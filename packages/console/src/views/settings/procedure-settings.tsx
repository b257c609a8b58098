import type { Procedure, ProcedureSpec } from '@aircheck/protocol';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { App, Button, Checkbox, Input, Modal, Select, Switch } from 'antd';
import { useState } from 'react';
import { queryKeys } from '../../api.tsx';
import { EmptyState } from '../../components/empty-state.tsx';
import { Field } from '../../components/field.tsx';
import { EditIcon, PlusIcon, TasksIcon, TrashIcon } from '../../components/icons.tsx';
import { ProblemAlert, useProblemToast } from '../../components/problem.tsx';
import { useSubmit } from '../../components/use-submit.tsx';
import { type LibraryTranslate, useLibraryI18n } from '../../i18n/library-i18n.ts';
import { libraryApi } from '../../library-api.ts';
import { useTemplates } from './use-templates.ts';

const empty: Procedure = {
  name: '',
  spec: { transcode: [], aac: false, cover: true, sprite: [], snapshotOffsetsMs: [] },
  automatic: true,
};

/** What is done with a file under one name, by hand or by itself with each new recording. */
export function ProcedureSettings() {
  const { t } = useLibraryI18n();
  const { modal } = App.useApp();
  const queryClient = useQueryClient();
  const showProblem = useProblemToast();
  const templates = useTemplates();
  const [edited, setEdited] = useState<Procedure>();
  const procedures = useQuery({
    queryKey: queryKeys.procedures,
    queryFn: ({ signal }) => libraryApi.procedures(signal),
  });
  const items = procedures.data?.items ?? [];
  const refresh = () => queryClient.invalidateQueries({ queryKey: queryKeys.procedures });
  const setAutomatic = async (procedure: Procedure, automatic: boolean) => {
    try {
      await libraryApi.putProcedure({ ...procedure, automatic });
    } catch (error) {
      showProblem(error);
    }
    await refresh();
  };
  const askToDelete = ({ name }: Procedure) =>
    modal.confirm({
      title: t('procedures.deleteTitle', { name }),
      content: t('templates.deleteText'),
      okText: t('action.delete'),
      cancelText: t('action.cancel'),
      okButtonProps: { danger: true },
      onOk: async () => {
        try {
          await libraryApi.deleteProcedure(name);
        } catch (error) {
          showProblem(error);
        }
        await refresh();
      },
    });
  return (
    <div className="stack">
      <div className="row">
        <p className="muted grow">{t('procedures.text')}</p>
        <Button type="primary" icon={<PlusIcon />} onClick={() => setEdited(empty)} data-testid="new-procedure">
          {t('procedures.new')}
        </Button>
      </div>
      {procedures.error !== null && <ProblemAlert error={procedures.error} />}
      {items.length === 0 ? (
        procedures.isSuccess && (
          <EmptyState
            icon={<TasksIcon size={26} />}
            title={t('procedures.emptyTitle')}
            text={t('procedures.emptyText')}
          />
        )
      ) : (
        <ul className="card template-list">
          {items.map((procedure) => (
            <li key={procedure.name} className="version-row">
              <div className="version-text">
                <b>{procedure.name}</b>
                <span className="muted small">
                  {describe(procedure.spec, (definition) => nameOf(templates, definition), t)}
                </span>
              </div>
              <span className="switch-row small muted">
                {t('procedures.automatic')}
                <Switch
                  size="small"
                  checked={procedure.automatic}
                  aria-label={`${t('procedures.automatic')}: ${procedure.name}`}
                  onChange={(automatic) => void setAutomatic(procedure, automatic)}
                />
              </span>
              <Button
                type="text"
                size="small"
                icon={<EditIcon size={16} />}
                aria-label={`${t('action.edit')} ${procedure.name}`}
                onClick={() => setEdited(procedure)}
              />
              <Button
                type="text"
                size="small"
                danger
                icon={<TrashIcon size={16} />}
                aria-label={`${t('action.delete')} ${procedure.name}`}
                onClick={() => askToDelete(procedure)}
              />
            </li>
          ))}
        </ul>
      )}
      {edited !== undefined && (
        <ProcedureDialog key={edited.name} procedure={edited} onClose={() => setEdited(undefined)} onSaved={refresh} />
      )}
    </div>
  );
}

function ProcedureDialog({
  procedure,
  onClose,
  onSaved,
}: {
  procedure: Procedure;
  onClose: () => void;
  onSaved: () => Promise<void>;
}) {
  const { t } = useLibraryI18n();
  const templates = useTemplates();
  const [name, setName] = useState(procedure.name);
  const [automatic, setAutomatic] = useState(procedure.automatic);
  const [definitions, setDefinitions] = useState(procedure.spec.transcode.map(({ definition }) => definition));
  const [watermark, setWatermark] = useState(procedure.spec.transcode.find((one) => one.watermark)?.watermark);
  const [aac, setAac] = useState(procedure.spec.aac);
  const [cover, setCover] = useState(procedure.spec.cover);
  const [sprite, setSprite] = useState(procedure.spec.sprite.length > 0);
  const sprites = templates.filter(({ kind }) => kind === 'sprite');
  const spriteDefinitions =
    procedure.spec.sprite.length > 0 ? procedure.spec.sprite : sprites.slice(0, 1).map(({ definition }) => definition);
  const nothing = definitions.length === 0 && !aac && !cover && !sprite && !takesSnapshots(procedure.spec);
  const save = useSubmit(async () => {
    await libraryApi.putProcedure({
      name: name.trim(),
      automatic,
      spec: {
        // What cannot be set here stays as it is.
        ...procedure.spec,
        transcode: definitions.map((definition) => ({ definition, ...(watermark !== undefined && { watermark }) })),
        aac,
        cover,
        sprite: sprite ? spriteDefinitions : [],
      },
    });
    await onSaved();
    onClose();
  });
  const choices = (kind: 'transcode' | 'watermark') =>
    templates.filter((one) => one.kind === kind).map((one) => ({ value: one.definition, label: one.name }));
  return (
    <Modal
      open
      width={480}
      title={t(procedure.name === '' ? 'procedures.new' : 'procedures.edit')}
      okText={t('action.save')}
      cancelText={t('action.cancel')}
      okButtonProps={{ disabled: name.trim() === '' || nothing, loading: save.busy }}
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
              maxLength={64}
              disabled={procedure.name !== ''}
              onChange={(event) => setName(event.target.value)}
            />
          )}
        </Field>
        <Field label={t('task.transcode')}>
          {(id) => (
            <Select<number[]>
              id={id}
              mode="multiple"
              value={definitions}
              onChange={setDefinitions}
              maxCount={16}
              placeholder={t('procedures.noTranscode')}
              options={choices('transcode')}
            />
          )}
        </Field>
        {definitions.length > 0 && choices('watermark').length > 0 && (
          <Field label={t('transcode.watermark')}>
            {(id) => (
              <Select<number>
                id={id}
                allowClear
                {...(watermark !== undefined && { value: watermark })}
                onChange={(value) => setWatermark(value)}
                placeholder={t('transcode.noWatermark')}
                options={choices('watermark')}
              />
            )}
          </Field>
        )}
        <div className="check-list">
          <Checkbox checked={aac} onChange={(event) => setAac(event.target.checked)}>
            {t('transcode.aac')}
          </Checkbox>
          <Checkbox checked={cover} onChange={(event) => setCover(event.target.checked)}>
            {t('pictures.makeCovers')}
          </Checkbox>
          <Checkbox
            checked={sprite}
            disabled={spriteDefinitions.length === 0}
            onChange={(event) => setSprite(event.target.checked)}
          >
            {t('pictures.makeSprite')}
          </Checkbox>
        </div>
        <div className="switch-row">
          <Switch checked={automatic} onChange={setAutomatic} aria-label={t('procedures.automatic')} />
          <span>{t('procedures.automaticText')}</span>
        </div>
      </div>
    </Modal>
  );
}

function nameOf(templates: ReturnType<typeof useTemplates>, definition: number): string {
  return templates.find((one) => one.definition === definition)?.name ?? `#${definition}`;
}

function takesSnapshots({ snapshotOffsetsMs, samples }: ProcedureSpec): boolean {
  return snapshotOffsetsMs.length > 0 || samples !== undefined;
}

/** `HD, SD · AAC · covers`. */
function describe(spec: ProcedureSpec, name: (definition: number) => string, t: LibraryTranslate): string {
  return [
    spec.transcode.map(({ definition }) => name(definition)).join(', '),
    spec.aac && t('job.aac'),
    spec.cover && t('job.cover'),
    spec.sprite.length > 0 && t('job.sprite'),
    takesSnapshots(spec) && t('job.snapshot'),
  ]
    .filter(Boolean)
    .join(' · ');
}
