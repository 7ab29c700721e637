"use client";
import clsx from "clsx";
import { useState } from "react";
import { avatarHue, avatarSources, initials } from "../../lib/avatar.ts";

interface AvatarProps {
  name: string;
  /** Decides the colour: the same role looks the same everywhere. */
  role?: string | null;
  /** `avatarKey` of the API: an uploaded picture. */
  picture?: string | null | undefined;
  size?: 20 | 24 | 32 | 40;
  className?: string;
}

/**
 * A member's or person's face: the picture they were given, else their initials on the role's colour. Decorative: the
 * name stands beside it. Its place has its size from the start, and a blur of the picture until that is there.
 */
export function Avatar({ picture, ...face }: AvatarProps) {
  const [broken, setBroken] = useState<string | null>(null);
  if (!picture || broken === picture) return <Initials {...face} />;
  const { size = 24, className } = face;
  const { avif, webp, fallback, blur } = avatarSources(picture);
  return (
    <picture className="contents">
      <source type="image/avif" srcSet={avif} />
      <source type="image/webp" srcSet={webp} />
      <img
        alt=""
        src={fallback}
        width={size}
        height={size}
        loading="lazy"
        decoding="async"
        draggable={false}
        className={clsx("shrink-0 select-none rounded-full bg-cover object-cover", className)}
        style={{ backgroundImage: `url(${blur})` }}
        onLoad={(event) => {
          // Transparent places show what is behind them, not the blur.
          event.currentTarget.style.backgroundImage = "none";
        }}
        onError={() => setBroken(picture)}
      />
    </picture>
  );
}

/** Text on a background, no drawing: lists have hundreds of them. */
function Initials({ name, role, size = 24, className }: Omit<AvatarProps, "picture">) {
  const hue = avatarHue(role || name);
  const [light, dark] = [`oklch(0.62 0.09 ${hue})`, `oklch(0.54 0.1 ${hue + 24})`];
  return (
    <span
      aria-hidden="true"
      className={clsx(
        "inline-flex shrink-0 select-none items-center justify-center rounded-full font-semibold leading-none",
        className,
      )}
      style={{
        width: size,
        height: size,
        fontSize: size * 0.39,
        color: "#fff",
        backgroundImage: `linear-gradient(135deg, ${light} 50%, ${dark} 50%)`,
      }}
    >
      {initials(name)}
    </span>
  );
}

/** The members of a squad, overlapping; the names are read out as one list. */
export function AvatarStack({
  members,
  max = 5,
  size = 24,
}: {
  members: { id: string; name: string; role: string; avatarKey?: string | null }[];
  max?: number;
  size?: 20 | 24 | 32;
}) {
  const shown = members.slice(0, max);
  const more = members.length - shown.length;
  return (
    <span className="flex items-center" title={members.map((member) => member.name).join(", ")}>
      <span className="sr-only">Members: {members.map((member) => member.name).join(", ")}</span>
      {shown.map((member, index) => (
        <Avatar
          key={member.id}
          name={member.name}
          role={member.role}
          picture={member.avatarKey}
          size={size}
          className={clsx("ring-2 ring-surface", index > 0 && "-ml-1")}
        />
      ))}
      {more > 0 && (
        <span aria-hidden className="tabular ml-1 font-medium text-2xs text-muted">
          +{more}
        </span>
      )}
    </span>
  );
}
