// Emoji by the shortcodes that people and apps use in incident channels.

import { sign } from "./signs.js";

const TABLE = `
+1 👍|thumbsup 👍|-1 👎|thumbsdown 👎|ok_hand 👌|wave 👋|raised_hands 🙌|pray 🙏|clap 👏|muscle 💪|point_right 👉|raising_hand 🙋
eyes 👀|smile 😄|slightly_smiling_face 🙂|joy 😂|thinking_face 🤔|sweat_smile 😅|scream 😱|cry 😢|heart ❤️|heart_eyes 😍|tada 🎉|sparkles ✨
fire 🔥|boom 💥|rotating_light 🚨|warning ⚠️|no_entry ⛔|no_entry_sign 🚫|octagonal_sign 🛑|x ❌|white_check_mark ✅|heavy_check_mark ✔️|ballot_box_with_check ☑️|question ❓
grey_question ❔|exclamation ❗|bangbang ‼️|information_source ℹ️|bell 🔔|no_bell 🔕|loudspeaker 📢|mega 📣|speech_balloon 💬|pushpin 📌|round_pushpin 📍|bookmark 🔖
link 🔗|memo 📝|pencil2 ✏️|page_facing_up 📄|clipboard 📋|notebook 📓|books 📚|calendar 📅|spiral_calendar_pad 🗓️|chart_with_upwards_trend 📈|chart_with_downwards_trend 📉|bar_chart 📊
rocket 🚀|ship 🚢|package 📦|wrench 🔧|hammer_and_wrench 🛠️|gear ⚙️|toolbox 🧰|construction 🚧|fire_extinguisher 🧯|fire_engine 🚒|ambulance 🚑|lifebuoy 🛟
arrow_forward ▶️|double_vertical_bar ⏸️|pause_button ⏸️|black_square_for_stop ⏹️|rewind ⏪|fast_forward ⏩|leftwards_arrow_with_hook ↩️|arrow_right_hook ↪️|arrows_counterclockwise 🔄|repeat 🔁|arrow_up ⬆️|arrow_down ⬇️
arrow_right ➡️|arrow_left ⬅️|hourglass ⌛|hourglass_flowing_sand ⏳|stopwatch ⏱️|alarm_clock ⏰|clock1 🕐|clock3 🕒|timer_clock ⏲️|mag 🔍|bulb 💡|lock 🔒
unlock 🔓|key 🔑|shield 🛡️|robot_face 🤖|bust_in_silhouette 👤|busts_in_silhouette 👥|technologist 🧑‍💻|firefighter 🧑‍🚒|telephone_receiver 📞|pager 📟|email 📧|inbox_tray 📥
red_circle 🔴|large_orange_circle 🟠|large_yellow_circle 🟡|large_green_circle 🟢|large_blue_circle 🔵|large_purple_circle 🟣|white_circle ⚪|black_circle ⚫|large_red_square 🟥|large_orange_square 🟧|large_yellow_square 🟨|large_green_square 🟩
snowflake ❄️|hot_pepper 🌶️|ghost 👻|bug 🐛|canary 🐤|hatching_chick 🐣|whale 🐳|turtle 🐢|shopping_cart 🛒|shopping_trolley 🛒|moneybag 💰|credit_card 💳
star ⭐|performing_arts 🎭|heavy_minus_sign ➖|hand ✋|100 💯|one 1️⃣|two 2️⃣|three 3️⃣|four 4️⃣|five 5️⃣|checkered_flag 🏁|triangular_flag_on_post 🚩|dart 🎯|trophy 🏆|coffee ☕|zap ⚡
electric_plug 🔌|satellite_antenna 📡|sunny ☀️|ticket 🎫|floppy_disk 💾|cloud ☁️`;

export const EMOJI = new Map(
  TABLE.trim()
    .split(/[|\n]/)
    .map((pair) => pair.split(" ")),
);

export const QUICK = ["+1", "eyes", "white_check_mark"];
export const PICKER = [
  "+1", "-1", "eyes", "white_check_mark", "x", "tada", "raised_hands", "pray", "fire", "rotating_light", "warning", "rocket",
  "pushpin", "memo", "bulb", "thinking_face", "heart", "joy", "scream", "hourglass_flowing_sand", "mag", "bug", "robot_face", "100",
];

export const emoji = (name) => EMOJI.get(name.split("::")[0]) ?? null;

/** As it is shown: drawn where we can, otherwise left to the fonts of the machine; null for an unknown name. */
export const picture = (name) => sign(name) ?? emoji(name);
