// Owners, modes and links as programs in the guest set them and read them back: an archive of all kinds, unpacked into a share.
import { readdirSync, lstatSync } from 'node:fs';
import { join } from 'node:path';
import { hostFolder, type HostFolderOptions } from 'vm9';
import { describe, expect, test } from 'vitest';
import { capabilities } from '../node/node-fs/shared-folder.ts';
import { noId } from '../../devices/9p/backend.ts';
import { temporaryFolder } from './command-line.ts';
import { guestProgram, type SystemCall } from './guest-program.ts';
import { output, startWith } from './machine-with-shares.ts';

/** Linux, asm-generic/unistd.h. */
const setxattr = 5;

/** In the guest's memory, which keeps everything. */
const makeTree = `
mkdir -p /tmp/tree/home/alice /tmp/tree/bin /tmp/tree/shared && cd /tmp/tree
i=0; while [ $i -lt 40 ]; do
  echo $i > home/alice/file$i; chmod $((i % 8))$((i / 5 % 8))4 home/alice/file$i; chown $((1000 + i)):$((i * 7)) home/alice/file$i
  i=$((i + 1))
done
echo program > bin/su; chmod 4755 bin/su; echo program > bin/wall; chown 0:5 bin/wall; chmod 2755 bin/wall
ln bin/su bin/again; ln -s su bin/link; chmod 3777 shared; chown 1000:1000 home/alice; chmod 700 home/alice`;
const makeSpecial = `
mknod bin/null c 1 3; mknod bin/disk b 259 70000; mkfifo -m 620 home/alice/fifo; chown 1000:1 home/alice/fifo bin/disk`;
const list = (what: string): string => `find . ${what} | sort | xargs stat -c '%n %f %u %g %t:%T %h'`;

interface Model {
  readonly options: HostFolderOptions;
  readonly prepare: string;
  readonly listed: string;
  /** What tar leaves out. */
  readonly afterwards: string;
}

const models: Readonly<Record<string, Model>> = {
  default: { options: {}, prepare: makeTree, listed: '! -type l ! -path .', afterwards: 'true' },
  mapped: {
    options: { security: 'mapped' },
    prepare: makeTree + makeSpecial,
    listed: '! -path .',
    afterwards: 'chown -h 7:8 bin/link',
  },
};

describe.runIf(capabilities.xattrs).each(Object.entries(models))(
  '%s',
  (_, { options, prepare, listed, afterwards }) => {
    test('tar unpacks what it has packed, and a machine that is started anew sees the same', async () => {
      const folder = temporaryFolder();
      const vm = await startWith({ source: hostFolder(folder, options) });
      const expected = await output(vm, `{ ${prepare}\n${afterwards}\n} && ${list(listed)}`);
      expect(expected.split('\n').length).toBeGreaterThan(45);
      const unpack = `tar c -C /tmp/tree -f /tmp/tree.tar . && tar x -f /tmp/tree.tar`;
      expect(await output(vm, `${unpack} && ${afterwards} && ${list(listed)}`)).toBe(expected);
      // Whoever makes a file owns it, and root may give it away and back.
      const asAlice =
        `echo 'alice:x:1000:1001::/:/bin/sh' >> /etc/passwd && chmod 777 . && ` +
        `su alice -c 'umask 027; echo x > by-alice; mkdir alices; ln -s x alices/l; chmod 400 by-alice; cat by-alice' && ` +
        `stat -c '%u:%g %a' by-alice alices && chown 0:0 by-alice alices && stat -c '%u:%g %a' by-alice alices`;
      expect(await output(vm, asAlice)).toBe('x\n1000:1001 400\n1000:1001 750\n0:0 400\n0:0 750\n');
      expect(await output(vm, 'chmod 777 shared && su alice -c "chown 0 alices" 2>&1 || echo refused')).toMatch(
        /refused/,
      );
      await vm.powerOff();

      for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
        const { uid, mode } = lstatSync(join(folder, name));
        expect([name, uid, mode & 0o6000]).toEqual([name, process.getuid?.(), 0]);
      }
      const again = await startWith({ source: hostFolder(folder, options) });
      const remains = `rm -r by-alice alices && chmod 3777 shared && ${list(listed)}`;
      expect(await output(again, remains)).toBe(expected);
    });

    test('access lists are obeyed, inherited, and there for a machine that is started anew', async () => {
      const folder = temporaryFolder();
      const source = { source: hostFolder(folder, options), mount: 'none' } as const;
      const mount =
        'mkdir -p /s && mount -t 9p -o trans=virtio,version=9p2000.L,posixacl,access=client host /s && cd /s && ' +
        'for user in alice:1000 bob:1002; do echo ${user%:*}:x:${user#*:}:1001::/:/bin/sh >> /etc/passwd; done';
      const program = guestProgram([
        setAccessList('file', 'system.posix_acl_access'),
        setAccessList('folder', 'system.posix_acl_default'),
      ]);
      const vm = await startWith(source);
      await output(vm, `${mount} && echo for alice > file && mkdir folder && chmod 600 file && chmod 755 . folder`);
      const run = 'cd /s && cat > /tmp/program && chmod +x /tmp/program && /tmp/program';
      const { stdout } = await vm.exec(run, { stdin: program.file }).output();
      expect(program.read(stdout).map(({ result }) => result)).toEqual([0, 0]);
      const look =
        'cd /s && for name in file folder/made; do for user in alice bob; do ' +
        'su $user -c "cat $name" 2> /tmp/why || sed "s/.*: //" /tmp/why; done; done; stat -c %a file folder/made';
      expect(await output(vm, `umask 0; echo inherited > /s/folder/made; ${look}`)).toBe(seen);
      await vm.powerOff();

      const again = await startWith(source);
      expect(await output(again, `${mount} && ${look}`)).toBe(seen);
    });
  },
);

const seen = `for alice
Permission denied
inherited
Permission denied
640
640
`;

/** acl(5): alice (1000) reads, others do nothing. As Linux encodes it: posix_acl_xattr.h. */
function setAccessList(path: string, name: string): SystemCall {
  const [userObject, user, groupObject, mask, other] = [1, 2, 4, 0x10, 0x20];
  const entries = [
    [userObject, 6, noId],
    [user, 4, 1000],
    [groupObject, 0, noId],
    [mask, 4, noId],
    [other, 0, noId],
  ] as const;
  const list = new DataView(new ArrayBuffer(4 + 8 * entries.length));
  list.setUint32(0, 2, true);
  for (const [index, [tag, permissions, id]] of entries.entries()) {
    list.setUint16(4 + 8 * index, tag, true);
    list.setUint16(6 + 8 * index, permissions, true);
    list.setUint32(8 + 8 * index, id, true);
  }
  const encoded = (text: string): Uint8Array => new TextEncoder().encode(`${text}\0`);
  const value = new Uint8Array(list.buffer);
  return { number: setxattr, arguments: [encoded(path), encoded(name), value, value.length, 0] };
}
