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

function Initials({ name, role, size = 24, className }: Omit<AvatarProps, "picture">) {
  const hue = avatarHue(role || name);
  return (
    <svg
      aria-hidden="true"
      viewBox="0 0 40 40"
      width={size}
      height={size}
      className={clsx("shrink-0 select-none rounded-full", className)}
    >
      <rect width="40" height="40" fill={`oklch(0.62 0.09 ${hue})`} />
      <path d="M0 40 40 0v40z" fill={`oklch(0.54 0.1 ${hue + 24})`} />
      <text
        x="20"
        y="20.5"
        textAnchor="middle"
        dominantBaseline="central"
        fontSize="15.5"
        fontWeight="600"
        letterSpacing="0.2"
        fill="#fff"
      >
        {initials(name)}
      </text>
    </svg>
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
