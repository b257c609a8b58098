import type { AssetClass } from '@aircheck/protocol';
import { useQueryClient } from '@tanstack/react-query';
import { App, Button, type ButtonProps, Dropdown, type MenuProps } from 'antd';
import { useState } from 'react';
import { queryKeys } from '../../api.tsx';
import { FolderIcon, ForwardIcon, LibraryIcon, MoreIcon, PlusIcon } from '../../components/icons.tsx';
import { useProblemToast } from '../../components/problem.tsx';
import { useLibraryI18n } from '../../i18n/library-i18n.ts';
import { libraryApi } from '../../library-api.ts';
import { ClassDialog, type ClassTask } from './class-dialog.tsx';
import { childrenOf, className, deepestLevel, defaultClassId, familyOf, filesIn } from './classes.ts';
import { useClasses } from './use-classes.ts';

interface ClassTreeProps {
  /** Undefined: all files. */
  readonly selected: number | undefined;
  onSelect(classId: number | undefined): void;
}

/** The classes of the library, and what can be done to them. */
export function ClassTree({ selected, onSelect }: ClassTreeProps) {
  const { t } = useLibraryI18n();
  const { modal } = App.useApp();
  const queryClient = useQueryClient();
  const showProblem = useProblemToast();
  const classes = useClasses();
  const [task, setTask] = useState<ClassTask>();
  const fallback = classes.find(({ classId }) => classId === defaultClassId);

  const askToDelete = (one: AssetClass) =>
    modal.confirm({
      title: t('class.deleteTitle', { name: one.name }),
      content: t('class.deleteText', { count: filesIn(classes, one.classId) }),
      okText: t('action.delete'),
      cancelText: t('action.cancel'),
      okButtonProps: { danger: true, 'data-testid': 'confirm-delete-class' } as ButtonProps,
      onOk: async () => {
        try {
          // Children first: a class with others in it may not be deletable.
          for (const { classId } of familyOf(classes, one.classId).reverse()) await libraryApi.deleteClass(classId);
          if (selected === one.classId) onSelect(undefined);
        } catch (error) {
          showProblem(error);
        }
        await queryClient.invalidateQueries({ queryKey: queryKeys.classes });
        await queryClient.invalidateQueries({ queryKey: ['assets'] });
      },
    });

  const branch = (one: AssetClass) => (
    <Branch
      key={one.classId}
      one={one}
      classes={classes}
      selected={selected}
      onSelect={onSelect}
      onTask={setTask}
      onDelete={askToDelete}
    />
  );
  return (
    <nav className="class-tree" aria-label={t('library.classes')} data-testid="class-tree">
      <div className="class-tree-head">
        <span className="field-label">{t('library.classes')}</span>
        <Button
          type="text"
          size="small"
          icon={<PlusIcon size={16} />}
          aria-label={t('class.new')}
          title={t('class.new')}
          onClick={() => setTask({ kind: 'create', parentId: 0 })}
          data-testid="new-class"
        />
      </div>
      <ul>
        <li>
          <div className="class-row" data-selected={selected === undefined}>
            <span className="class-fold" />
            <button type="button" className="class-name" onClick={() => onSelect(undefined)}>
              <LibraryIcon size={16} />
              <span className="ellipsis">{t('library.all')}</span>
            </button>
          </div>
        </li>
        {childrenOf(classes, 0).map(branch)}
        {fallback !== undefined && branch(fallback)}
      </ul>
      {task !== undefined && <ClassDialog task={task} onClose={() => setTask(undefined)} />}
    </nav>
  );
}

interface BranchProps extends ClassTreeProps {
  readonly one: AssetClass;
  readonly classes: readonly AssetClass[];
  onTask(task: ClassTask): void;
  onDelete(one: AssetClass): void;
}

function Branch({ one, classes, selected, onSelect, onTask, onDelete }: BranchProps) {
  const { t } = useLibraryI18n();
  const children = one.classId === defaultClassId ? [] : childrenOf(classes, one.classId);
  const holdsSelected = familyOf(classes, one.classId).some(({ classId }) => classId === selected);
  const [folded, setFolded] = useState(!holdsSelected && one.level > 1);
  const name = className(one, t);
  const items: MenuProps['items'] = [
    {
      key: 'create',
      label: t('class.newBelow'),
      disabled: one.level >= deepestLevel,
      onClick: () => onTask({ kind: 'create', parentId: one.classId }),
    },
    { key: 'rename', label: t('action.rename'), onClick: () => onTask({ kind: 'rename', one }) },
    { key: 'move', label: t('class.move'), onClick: () => onTask({ kind: 'move', one }) },
    { type: 'divider' },
    { key: 'delete', label: t('action.delete'), danger: true, onClick: () => onDelete(one) },
  ];
  return (
    <li>
      <div className="class-row" data-selected={selected === one.classId} style={{ paddingLeft: (one.level - 1) * 14 }}>
        {children.length === 0 ? (
          <span className="class-fold" />
        ) : (
          <button
            type="button"
            className="class-fold"
            data-folded={folded}
            aria-expanded={!folded}
            aria-label={t(folded ? 'class.unfold' : 'class.fold', { name })}
            onClick={() => setFolded(!folded)}
          >
            <ForwardIcon size={13} />
          </button>
        )}
        <button
          type="button"
          className="class-name"
          aria-current={selected === one.classId}
          onClick={() => onSelect(one.classId)}
          data-testid={`class-${one.classId}`}
        >
          <FolderIcon size={16} />
          <span className="ellipsis">{name}</span>
        </button>
        <span className="class-count">{filesIn(classes, one.classId)}</span>
        {one.classId !== defaultClassId && (
          <Dropdown trigger={['click']} menu={{ items }}>
            <Button
              type="text"
              size="small"
              className="class-menu"
              icon={<MoreIcon size={15} />}
              aria-label={t('class.actions', { name })}
              data-testid={`class-menu-${one.classId}`}
            />
          </Dropdown>
        )}
      </div>
      {children.length > 0 && !folded && (
        <ul>
          {children.map((child) => (
            <Branch key={child.classId} {...{ one: child, classes, selected, onSelect, onTask, onDelete }} />
          ))}
        </ul>
      )}
    </li>
  );
}
