/* SPDX-License-Identifier: BSD-2-Clause */
/* The keyboard and mouse behind the 8042: asked for an answer, they interrupt without anybody at the machine. */
#include "lhv.h"
#include "lib/io.h"

#define DATA		0x60
#define STATUS		0x64		/* and command */
#define OUTPUT_FULL	BIT(0)
#define INPUT_FULL	BIT(1)
#define READ_CONFIG	0x20
#define WRITE_CONFIG	0x60
#define ENABLE_MOUSE	0xa8
#define TO_MOUSE	0xd4
#define CONFIG_KEYBOARD_IRQ BIT(0)
#define CONFIG_MOUSE_IRQ BIT(1)
#define CONFIG_OFF	(BIT(4) | BIT(5))
#define KEYBOARD_ECHO	0xee		/* its answer too */
#define MOUSE_STATUS	0xe9		/* ACK and three bytes */
#define MOUSE_ACK	0xfa
#define BOUND		100000

struct ps2_counts ps2;

static bool wait_status(u8 bit, u8 value)
{
	for (u32 left = BOUND; left; left--)
		if ((inb(STATUS) & bit) == value)
			return true;
	return false;
}

static void command(u16 port, u8 value)
{
	wait_status(INPUT_FULL, 0);
	outb(port, value);
}

static void drain(void)
{
	while (inb(STATUS) & OUTPUT_FULL)
		inb(DATA);
}

bool ps2_init(bool mouse)
{
	u8 config;

	ps2 = (struct ps2_counts){ 0 };
	drain();
	command(STATUS, READ_CONFIG);
	if (!wait_status(OUTPUT_FULL, OUTPUT_FULL))
		return false;
	config = inb(DATA);
	config = (u8)((config & ~(CONFIG_OFF | CONFIG_MOUSE_IRQ)) | CONFIG_KEYBOARD_IRQ | (mouse ? CONFIG_MOUSE_IRQ : 0));
	command(STATUS, WRITE_CONFIG);
	command(DATA, config);
	if (mouse)
		command(STATUS, ENABLE_MOUSE);
	return wait_status(INPUT_FULL, 0);
}

void ps2_take(enum source source)
{
	u8 byte = inb(DATA);

	if (source == MOUSE)
		ps2.mouse_acks += byte == MOUSE_ACK;
	else if (byte == KEYBOARD_ECHO)
		ps2.echoes++;
	else
		ps2.keys++;
}

void ps2_keyboard_ask(void)
{
	ps2.asked++;
	command(DATA, KEYBOARD_ECHO);
}

void ps2_mouse_ask(void)
{
	ps2.mouse_asked++;
	command(STATUS, TO_MOUSE);
	command(DATA, MOUSE_STATUS);
}
