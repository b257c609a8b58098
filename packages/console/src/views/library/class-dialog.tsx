import type { AssetClass } from '@aircheck/protocol';
import { useQueryClient } from '@tanstack/react-query';
import { type ButtonProps, Input, Modal } from 'antd';
import { useState } from 'react';
import { queryKeys } from '../../api.tsx';
import { Field } from '../../components/field.tsx';
import { useSubmit } from '../../components/use-submit.tsx';
import { useLibraryI18n } from '../../i18n/library-i18n.ts';
import { libraryApi } from '../../library-api.ts';
import { ClassSelect } from './class-select.tsx';
import { possibleParents } from './classes.ts';
import { useClasses } from './use-classes.ts';

export type ClassTask =
  | { readonly kind: 'create'; readonly parentId: number }
  | { readonly kind: 'rename' | 'move'; readonly one: AssetClass };

/** Makes a class, or changes its name or place. */
export function ClassDialog({ task, onClose }: { task: ClassTask; onClose: () => void }) {
  const { t } = useLibraryI18n();
  const queryClient = useQueryClient();
  const classes = useClasses();
  const [name, setName] = useState(task.kind === 'create' ? '' : task.one.name);
  const [parentId, setParentId] = useState(task.kind === 'create' ? task.parentId : task.one.parentId);
  const save = useSubmit(async () => {
    if (name.trim() === '') return;
    if (task.kind === 'create') await libraryApi.createClass(name.trim(), parentId);
    else await libraryApi.updateClass(task.one.classId, task.kind === 'rename' ? { name: name.trim() } : { parentId });
    await queryClient.invalidateQueries({ queryKey: queryKeys.classes });
    onClose();
  });
  const titles = { create: 'class.new', rename: 'class.rename', move: 'class.move' } as const;
  return (
    <Modal
      open
      width={420}
      title={t(titles[task.kind])}
      okText={t(task.kind === 'create' ? 'action.create' : 'action.save')}
      cancelText={t('action.cancel')}
      confirmLoading={save.busy}
      okButtonProps={{ disabled: name.trim() === '', 'data-testid': 'save-class' } as ButtonProps}
      onOk={save.submit}
      onCancel={onClose}
    >
      <div className="stack">
        {save.problem}
        {task.kind !== 'move' && (
          <Field label={t('library.name')}>
            {(id) => (
              <Input
                id={id}
                autoFocus
                value={name}
                maxLength={64}
                onChange={(event) => setName(event.target.value)}
                onPressEnter={() => void save.submit()}
                data-testid="class-name"
              />
            )}
          </Field>
        )}
        {task.kind !== 'rename' && (
          <Field label={t('class.parent')}>
            {(id) => (
              <ClassSelect
                id={id}
                value={parentId}
                onChange={setParentId}
                first={{ value: 0, label: t('class.top') }}
                classes={
                  task.kind === 'create'
                    ? classes.filter(({ level, classId }) => classId !== 0 && level < 4)
                    : possibleParents(classes, task.one)
                }
              />
            )}
          </Field>
        )}
      </div>
    </Modal>
  );
}
