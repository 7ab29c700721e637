export { changeMemberAvatar, changeOwnAvatar } from "./change-avatar.ts";
export { type AvatarEncoder, createAvatarEncoder } from "./encode-avatar.ts";
export { readAvatar } from "./read-avatar.ts";
