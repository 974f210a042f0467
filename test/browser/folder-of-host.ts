// A folder as its user has it, beside the machine that shares it.

export async function hostWrite(folder: FileSystemDirectoryHandle, name: string, content: string): Promise<void> {
  const writer = await (await folder.getFileHandle(name, { create: true })).createWritable();
  await writer.write(content);
  await writer.close();
}

export async function hostRead(folder: FileSystemDirectoryHandle, name: string): Promise<string> {
  return (await (await folder.getFileHandle(name)).getFile()).text();
}
