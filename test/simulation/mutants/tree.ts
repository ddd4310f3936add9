/** What can be broken in the tree and in what is judged against it. */
import type { Mutation } from '../../support/mutations/mutation.ts';

export const treeMutants: readonly Mutation[] = [
  {
    name: 'versionUnchecked',
    rule: 'A conditional write is refused when the version is another.',
    edits: [
      {
        file: 'tree/judge.ts',
        find: "if (condition === undefined || condition === 'exists') return;",
        replace: 'return;',
      },
    ],
  },
  {
    name: 'czxidUnchecked',
    rule: 'A condition on one life of a znode does not hold in its next.',
    edits: [
      {
        file: 'tree/judge.ts',
        find: 'const sameLife = alternative.czxid === undefined || alternative.czxid === czxid;',
        replace: 'const sameLife = true;',
      },
    ],
  },
  {
    name: 'judgeAppliedOnly',
    rule: 'A request is judged against all outstanding transactions.',
    edits: [
      {
        file: 'tree/outstanding.ts',
        find: 'if (known !== undefined) return { ...known, changed: false };',
        replace: '',
      },
    ],
  },
  {
    name: 'forgetOutstandingEarly',
    rule: 'What a later outstanding transaction makes of a znode stays when the earlier one is applied.',
    edits: [
      {
        file: 'tree/outstanding.ts',
        find: 'if (this.nodes.get(node.path) !== node) continue;',
        replace: '',
      },
    ],
  },
  {
    name: 'sequenceFromChildren',
    rule: 'A sequence number is never given twice under one znode.',
    edits: [
      {
        file: 'tree/judge.ts',
        find: 'const sequence = parent?.cversion ?? 0;',
        replace: 'const sequence = parent?.numChildren ?? 0;',
      },
    ],
  },
  {
    name: 'counterLostInSnapshot',
    rule: 'A snapshot holds how many children a znode has ever had.',
    edits: [
      {
        file: 'tree/loader.ts',
        find: 'rows.setWide(id, Wide.CVERSION, record.cversion);',
        replace: '',
      },
      {
        file: 'tree/loader.ts',
        find: 'rows.add(parent, Field.NUM_CHILDREN, 1);',
        replace: `rows.add(parent, Field.NUM_CHILDREN, 1);
      rows.setWide(parent, Wide.CVERSION, rows.get(parent, Field.NUM_CHILDREN));`,
      },
      {
        file: 'tree/loader.ts',
        find: 'if (digest.high !== header.digest.high || digest.low !== header.digest.low) {',
        replace: 'if (false) {',
      },
      {
        file: 'replica/snapshots.ts',
        find: 'if (digest !== header.digest) {',
        replace: 'if (false) {',
      },
    ],
  },
  {
    name: 'fuzzySnapshot',
    rule: 'A snapshot is of one zxid, whatever happens while it is taken.',
    edits: [
      { file: 'tree/tree.ts', find: 'this.snapshot?.beforeChange(id);', replace: '' },
      // Small trees are taken in several slices too.
      {
        file: 'replica/snapshots.ts',
        find: 'const SLICE_BYTES = 128 * 1024;',
        replace: 'const SLICE_BYTES = 64;',
      },
      {
        file: 'tree/loader.ts',
        find: 'if (digest.high !== header.digest.high || digest.low !== header.digest.low) {',
        replace: 'if (false) {',
      },
      {
        file: 'replica/snapshots.ts',
        find: 'if (digest !== header.digest) {',
        replace: 'if (false) {',
      },
    ],
  },
  {
    name: 'aclOfDeletedStays',
    rule: 'An ACL that no znode has is forgotten, by all nodes at the same zxid.',
    edits: [
      {
        file: 'tree/store.ts',
        find: '    this.acls.release(rows.get(id, Field.ACL));\n',
        replace: '',
      },
    ],
  },
  {
    name: 'aclOfSetIsNotCounted',
    rule: 'An ACL stays as long as any znode has it.',
    edits: [
      {
        file: 'tree/store.ts',
        find: 'this.acls.use(acl);\n    this.rows.set(id, Field.ACL, acl);',
        replace: 'this.rows.set(id, Field.ACL, acl);',
      },
    ],
  },
  {
    name: 'multiHalfJudged',
    rule: 'A multi does all or nothing.',
    edits: [
      {
        file: 'tree/prep.ts',
        find: 'results.push(judgeMember(draft, operation));',
        replace: `try {
        results.push(judgeMember(draft, operation));
      } catch (error) {
        if (index === 0) throw error;
        break;
      }`,
      },
    ],
  },
  {
    name: 'multiHalfApplied',
    rule: 'A transaction is applied whole.',
    edits: [
      {
        file: 'tree/tree.ts',
        find: 'for (const change of transaction.changes) this.applyChange(change, moment);',
        replace: `const { changes } = transaction;
    const count = changes.length > 2 && changes.at(-1)?.type === 'set' ? changes.length - 1 : changes.length;
    for (const change of changes.slice(0, count)) this.applyChange(change, moment);`,
      },
    ],
  },
  {
    name: 'createBelowEphemeral',
    rule: 'An ephemeral znode has no children.',
    edits: [
      {
        file: 'tree/judge.ts',
        find: "if (ancestor.kind === 'ephemeral') {",
        replace: 'if (false) {',
      },
    ],
  },
  {
    name: 'deleteWithChildren',
    rule: 'A znode with children is deleted only with all of them.',
    edits: [
      {
        file: 'tree/judge-delete.ts',
        find: 'else if (node.numChildren > 0) {',
        replace: 'else if (node.numChildren > 1) {',
      },
    ],
  },
  {
    name: 'pzxidStays',
    rule: 'A deletion is a change of the children of the parent, in its pzxid too.',
    edits: [
      {
        file: 'tree/judge-delete.ts',
        find: 'parent.pzxid = draft.zxid;',
        replace: '',
      },
      {
        file: 'tree/tree.ts',
        find: 'store.removeNode(id);\n    store.rows.setWide(parent, Wide.PZXID, zxid);',
        replace: 'store.removeNode(id);',
      },
    ],
  },
];
