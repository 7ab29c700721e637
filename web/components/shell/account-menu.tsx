"use client";
import { useQuery } from "@tanstack/react-query";
import { ChevronsUpDown, Keyboard, LogOut, Monitor, Moon, Sun, UserRound } from "lucide-react";
import dynamic from "next/dynamic";
import { useRouter } from "next/navigation";
import { useState } from "react";
import { apiSend, askedToLeave, signedOutEvent } from "../../lib/api.ts";
import { queries } from "../../lib/queries.ts";
import { chooseTheme, readTheme, type Theme } from "../../lib/theme.ts";
import { toastError } from "../../lib/toast.ts";
import { Avatar } from "../ui/avatar.tsx";
import { Menu } from "../ui/menu.tsx";

const ConfirmLeaving = dynamic(() => import("./confirm-leaving.tsx"), { ssr: false });
const loadForgetting = () => import("../../lib/forget-person.ts");

const themes: { theme: Theme; label: string; icon: typeof Sun }[] = [
  { theme: "system", label: "As the system", icon: Monitor },
  { theme: "light", label: "Light", icon: Sun },
  { theme: "dark", label: "Dark", icon: Moon },
];

/** Who is signed in, the appearance, and the way out. */
export function AccountMenu() {
  const { data } = useQuery(queries.me());
  const router = useRouter();
  const [theme, setTheme] = useState<Theme | null>(null);
  const chosen = theme ?? (typeof window === "undefined" ? "system" : readTheme());
  const [asking, setAsking] = useState(false);
  const userId = data?.user.id ?? "";
  const signOut = async () => {
    await apiSend("POST", "/api/v1/auth/sign-out");
    const { forgetPerson } = await loadForgetting();
    forgetPerson(userId);
    window.dispatchEvent(new CustomEvent(signedOutEvent, { detail: askedToLeave }));
  };
  const leave = async () => {
    try {
      if ((await loadForgetting()).hasDrafts(userId)) setAsking(true);
      else await signOut();
    } catch (error) {
      toastError("You are still signed in", error);
    }
  };
  return (
    <>
      <Menu
        label={data ? `Account of ${data.user.name}` : "Account"}
        className="flex h-10 w-full items-center gap-2 rounded-md px-1.5 text-left -outline-offset-2 hover:bg-hover"
        trigger={
          <>
            {data ? (
              <Avatar name={data.user.name} picture={data.user.avatarKey} />
            ) : (
              <span className="size-6 rounded-full bg-hover" />
            )}
            <span className="min-w-0 flex-1">
              <span className="block truncate font-medium">{data?.user.name ?? " "}</span>
            </span>
            <ChevronsUpDown aria-hidden className="size-3.5 text-faint" />
          </>
        }
        items={[
          ...themes.map(({ theme: value, label, icon: Icon }) => ({
            label,
            icon: <Icon aria-hidden className="size-4 text-faint" />,
            checked: chosen === value,
            run: () => {
              chooseTheme(value);
              setTheme(value);
            },
          })),
          {
            label: "Your account",
            icon: <UserRound aria-hidden className="size-4 text-faint" />,
            divided: true,
            run: () => router.push("/settings?part=profile"),
          },
          {
            label: "Keyboard shortcuts",
            icon: <Keyboard aria-hidden className="size-4 text-faint" />,
            run: () => router.push("/shortcuts"),
          },
          { label: "Sign out", icon: <LogOut aria-hidden className="size-4 text-faint" />, run: () => void leave() },
        ]}
      />
      {asking && <ConfirmLeaving onClose={() => setAsking(false)} onLeave={signOut} />}
    </>
  );
}
